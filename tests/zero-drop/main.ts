import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Journal } from '../chaos/journal.ts';
import { makeScene, sweepDead, sweepScene } from './cluster/scene.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { asText } from './report/print.ts';
import { reportOf } from './report/report.ts';
import { missingRequirements } from './requirements.ts';
import { performSuite } from './suite.ts';

/**
 * `npm run test:zero-drop`: releases go live, are called off and are taken back under load from
 * outside while controllers and agents die at every step. Exits with 1 when a request was dropped
 * or a scenario could not be played, with 2 when it cannot be tried here. Progress is told on
 * stderr, the table on stdout.
 */
const options = parse();
const missing = missingRequirements();
if (missing.length > 0) {
  process.stderr.write(`this cannot run here; it needs\n${missing.map((part) => `  ${part}\n`).join('')}`);
  process.exit(2);
}
for (const root of await sweepDead()) process.stderr.write(`removed ${root}, which a dead suite had left\n`);
const scene = makeScene();
const journal = new Journal(join(scene.logs, 'journal'));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void leave(130));
await leave(await run());

function parse(): Options {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}

async function run(): Promise<number> {
  const startedAt = performance.now();
  try {
    const played = await performSuite(options, scene, journal);
    const report = reportOf(options, played, (performance.now() - startedAt) / 1_000);
    process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : asText(report));
    writeFileSync(join(scene.logs, 'played.json'), JSON.stringify(played, null, 1));
    if (report.failed === 0) return 0;
  } catch (error) {
    journal.miss((error as Error).stack ?? String(error));
  }
  process.stderr.write(`missed with seed ${options.seed}; logs of every process: ${keepLogs()}\n`);
  return 1;
}

function keepLogs(): string {
  const kept = join(tmpdir(), `holdfast-zero-drop-logs-${options.seed}-${process.pid}`);
  cpSync(scene.logs, kept, { recursive: true });
  const journals = join(scene.shared, 'journal');
  if (existsSync(journals)) cpSync(journals, join(kept, 'journal-of-instances'), { recursive: true });
  return kept;
}

async function leave(code: number): Promise<never> {
  journal.close();
  await sweepScene(scene.root);
  process.exit(code);
}

import { cpSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeScene, type Scene } from './cluster/scene.ts';
import { sweepDead, sweepScene } from './cluster/sweep.ts';
import { Journal } from './journal.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { asText } from './report/print.ts';
import { missingRequirements } from './requirements.ts';
import { journalFile, performSuite } from './suite.ts';
import { ledgerFile } from './workload/repository.ts';

/**
 * `npm run test:chaos -- --runs N`: real processes in network namespaces, broken one after another
 * while runs go on. Exits with 1 when anything was missed, with 2 when it cannot be tried here.
 * Progress is told on stderr, the table on stdout.
 */
const options = parse();
const missing = missingRequirements();
if (missing.length > 0) {
  process.stderr.write(
    `the chaos suite cannot run here; it needs\n${missing.map((part) => `  ${part}\n`).join('')}`,
  );
  process.exit(2);
}
for (const pid of await sweepDead()) process.stderr.write(`removed what suite ${pid} had left behind\n`);
const scene = makeScene();
const journal = new Journal(journalFile(scene));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void leave(130));
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
  try {
    const report = await performSuite(options, scene, journal);
    process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : asText(report));
  } catch (error) {
    journal.miss((error as Error).stack ?? String(error));
  }
  if (journal.misses.length === 0) return 0;
  process.stderr.write(`missed with seed ${options.seed}; logs of every process: ${keepLogs(scene)}\n`);
  return 1;
}

function keepLogs({ logs }: Scene): string {
  const kept = join(tmpdir(), `holdfast-chaos-logs-${options.seed}-${process.pid}`);
  cpSync(logs, kept, { recursive: true });
  if (existsSync(ledgerFile(scene))) cpSync(ledgerFile(scene), join(kept, 'ledger'));
  return kept;
}

async function leave(code: number): Promise<never> {
  journal.close();
  await sweepScene(process.pid, scene.root);
  process.exit(code);
}

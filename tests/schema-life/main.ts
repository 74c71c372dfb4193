import { cpSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Journal } from '../chaos/journal.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { asText } from './report/print.ts';
import { reportOf } from './report/report.ts';
import { makeScene, sweepDead, sweepScene } from './scene.ts';
import { Suite } from './suite.ts';

/**
 * `node tests/schema-life/main.ts`: two releases write and read through the whole life of every kind
 * of schema change while its worker and the database are killed. Exits with 1 when a statement
 * failed, a row differed or a change did not end, with 2 when it cannot be tried here. Progress is
 * told on stderr, the table on stdout.
 */
const options = parse();
if (process.platform !== 'linux') {
  process.stderr.write('this needs Linux: processes are read from /proc\n');
  process.exit(2);
}
for (const name of await sweepDead()) process.stderr.write(`removed ${name}, which a dead suite had left\n`);
const scene = makeScene();
const journal = new Journal(join(scene.logs, 'journal'));
const suite = new Suite(options, scene, journal);
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
    const lived = await suite.perform();
    const report = reportOf(options, lived, (performance.now() - startedAt) / 1_000);
    process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : asText(report));
    if (report.failed === 0) return 0;
  } catch (error) {
    journal.miss((error as Error).stack ?? String(error));
  }
  process.stderr.write(`missed with seed ${options.seed}; logs: ${keepLogs()}\n`);
  return 1;
}

function keepLogs(): string {
  const kept = join(tmpdir(), `holdfast-schema-life-logs-${options.seed}-${process.pid}`);
  cpSync(scene.logs, kept, { recursive: true });
  for (const lane of readdirSync(scene.root).filter((name) => name.startsWith('lane-')))
    cpSync(join(scene.root, lane, 'server.log'), join(kept, `${lane}.log`));
  return kept;
}

async function leave(code: number): Promise<never> {
  journal.close();
  await suite.close();
  await sweepScene(scene.root);
  process.exit(code);
}

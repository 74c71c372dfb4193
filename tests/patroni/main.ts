import { cpSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Journal } from '../chaos/journal.ts';
import { makeScene, sweepDead, sweepScene } from './cluster/scene.ts';
import { failoverReport, failoverText } from './failover-report.ts';
import { performFailovers } from './failover-suite.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { poolerText } from './pooler/pooler-report.ts';
import { performPooled } from './pooler/pooler-suite.ts';
import { missingRequirements } from './requirements.ts';

/**
 * `node tests/patroni/main.ts [--rounds N] [--etcd3] [--json]`: Holdfast on a Patroni cluster whose leader is
 * struck again and again; `--pgbouncer`: Holdfast through a pooler in transaction mode. Exits with 1
 * when anything was missed, with 2 when it cannot be tried here. Progress is told on stderr.
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

async function run(): Promise<number> {
  try {
    process.stdout.write(await perform(options));
  } catch (error) {
    journal.miss((error as Error).stack ?? String(error));
  }
  if (journal.misses.length === 0) return 0;
  const kept = join(tmpdir(), `holdfast-failover-logs-${process.pid}`);
  cpSync(scene.logs, kept, { recursive: true });
  process.stderr.write(`${journal.misses.length} missed; logs of every process: ${kept}\n`);
  return 1;
}

async function perform(wanted: Options): Promise<string> {
  const { json } = wanted;
  if (wanted.pgbouncer) {
    const result = await performPooled(scene, journal);
    return json ? asJson(result) : poolerText(result);
  }
  const report = failoverReport(await performFailovers(wanted, scene, journal));
  return json ? asJson(report) : failoverText(report);
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function parse(): Options {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}

async function leave(code: number): Promise<never> {
  journal.close();
  await sweepScene(scene.root, process.pid);
  process.exit(code);
}

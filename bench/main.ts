import { parseArgs } from 'node:util';
import { measureAbort } from './abort.ts';
import { missedOf } from './bound.ts';
import { measureCheckpoint } from './checkpoint.ts';
import { measureClaims } from './claims.ts';
import { measureDispatch } from './dispatch.ts';
import { measureIdle } from './idle.ts';
import { measureJudge } from './judge.ts';
import { measureLogs } from './logs.ts';
import { describeBench } from './machine.ts';
import { measureMigration } from './migration.ts';
import { measureOrchestrator } from './orchestrator.ts';
import { measureRollback } from './rollback.ts';
import { measureRouter } from './router.ts';
import { say, Workbench } from './workbench.ts';

/**
 * `npm run bench -- NAME [--seconds N] [--minutes M]`: one JSON document on stdout, progress on
 * stderr. Fails when a measurement could not be made, and when a bound that the document states is missed.
 */
const BENCHMARKS = {
  orchestrator: { measure: measureOrchestrator, seconds: 5 },
  router: { measure: measureRouter, seconds: 5 },
  claims: { measure: measureClaims, seconds: 15 },
  dispatch: { measure: measureDispatch, seconds: 20 },
  idle: { measure: measureIdle, seconds: 30 },
  checkpoint: { measure: measureCheckpoint, seconds: 1 },
  logs: { measure: measureLogs, seconds: 1 },
  judge: { measure: measureJudge, seconds: 1 },
  abort: { measure: measureAbort, seconds: 1 },
  rollback: { measure: measureRollback, seconds: 1 },
  migration: { measure: measureMigration, seconds: 1 },
} as const;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    releases: { type: 'string' },
    rows: { type: 'string' },
    quick: { type: 'boolean' },
  },
});
const name = positionals[0] as keyof typeof BENCHMARKS;
const benchmark = BENCHMARKS[name];
const seconds = Number(values.seconds ?? benchmark?.seconds);
const minutes = Number(values.minutes ?? 1);
if (!benchmark || !(seconds > 0) || !(minutes > 0)) {
  process.stderr.write(
    `usage: npm run bench -- ${Object.keys(BENCHMARKS).join('|')} [--seconds N] [--minutes M]
  N: length of each measurement · M: how long claims go on beside an open transaction
  judge: [--seed S] [--releases N of each healthy cell] [--quick]
  migration: [--rows N]\n`,
  );
  process.exit(2);
}

const workbench = new Workbench();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void workbench.close().finally(() => process.exit(130)));
}
try {
  const startedAt = performance.now();
  const { machine: before } = describeBench();
  const result = await benchmark.measure({ ...values, workbench, seconds, minutes });
  const machine = describeBench();
  const tookSeconds = Math.round((performance.now() - startedAt) / 1000);
  const about = { benchmark: name, secondsEach: seconds, tookSeconds, loadAverageBefore: before.loadAverage };
  process.stdout.write(`${JSON.stringify({ ...about, ...machine, ...result }, null, 2)}\n`);
  for (const missed of missedOf(result)) {
    say(`missed: ${missed.what} is ${missed.measured}, not ${missed.bound}`);
    process.exitCode = 1;
  }
} catch (error) {
  process.stderr.write(`bench ${name}: ${(error as Error).stack}\n`);
  process.exitCode = 1;
} finally {
  await workbench.close();
}

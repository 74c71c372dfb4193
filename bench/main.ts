import { parseArgs } from 'node:util';
import { describeMachine } from './machine.ts';
import { measureOrchestrator } from './orchestrator.ts';
import { measureRouter } from './router.ts';
import { Workbench } from './workbench.ts';

/**
 * `npm run bench -- orchestrator|router [--seconds N]`: one JSON document on stdout, progress on
 * stderr. Fails only when a measurement could not be made: a slow result is a result.
 */
const BENCHMARKS = {
  orchestrator: { measure: measureOrchestrator, seconds: 5 },
  router: { measure: measureRouter, seconds: 5 },
} as const;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string' } },
});
const name = positionals[0] as keyof typeof BENCHMARKS;
const benchmark = BENCHMARKS[name];
const seconds = Number(values.seconds ?? benchmark?.seconds);
if (!benchmark || !(seconds > 0)) {
  process.stderr.write(
    `usage: npm run bench -- ${Object.keys(BENCHMARKS).join('|')} [--seconds N]   (N: length of each measurement)\n`,
  );
  process.exit(2);
}

const workbench = new Workbench();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void workbench.close().finally(() => process.exit(130)));
}
try {
  const startedAt = performance.now();
  const result = await benchmark.measure({ workbench, seconds });
  const machine = await describeMachine();
  const tookSeconds = Math.round((performance.now() - startedAt) / 1000);
  process.stdout.write(
    `${JSON.stringify({ benchmark: name, secondsEach: seconds, tookSeconds, ...machine, ...result }, null, 2)}\n`,
  );
} catch (error) {
  process.stderr.write(`bench ${name}: ${(error as Error).stack}\n`);
  process.exitCode = 1;
} finally {
  await workbench.close();
}

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type CpuShares, monotonicMicros, readCpuShares } from '../cpu-shares.ts';
import { round } from '../latency.ts';
import type { Workbench } from '../workbench.ts';
import { startController } from './controller.ts';
import type { BenchDatabase } from './database.ts';
import { measureShape, SHAPES } from './holdfast.ts';
import { readStatementCosts, resetStatementCosts, type StatementCosts } from './statement-costs.ts';

/**
 * Where a step's time goes: the statements PostgreSQL was asked, and the controller's own CPU by
 * place. Taken in a run of its own, because looking slows what is looked at.
 */
export interface Profile extends StatementCosts {
  readonly steps: number;
  readonly stepP50Ms: number;
  readonly controllerCpuMsPerStep: number;
  readonly controllerCpu: CpuShares;
}

export async function profileHoldfast(
  workbench: Workbench,
  database: BenchDatabase,
  how: { readonly seconds: number; readonly what: keyof typeof SHAPES },
): Promise<Profile> {
  const folder = join(workbench.folder, `cpu-${how.what}`);
  mkdirSync(folder, { recursive: true });
  const databaseUrl = database.url('holdfast');
  const flags = ['--cpu-prof', `--cpu-prof-dir=${folder}`];
  const controller = await startController(workbench, { databaseUrl, flags });
  const window = { from: 0, to: 0 };
  const { seed, shape } = SHAPES[how.what];
  const setting = { workbench, databaseUrl, controller, seconds: how.seconds };
  const answer = await measureShape(setting, {
    seed,
    shape,
    opened: async () => {
      await resetStatementCosts(database);
      window.from = monotonicMicros();
    },
  });
  window.to = monotonicMicros();
  const statements = await readStatementCosts(database, answer.steps);
  await controller.process.stop();
  const cpu = readCpuShares(folder, window);
  return {
    steps: answer.steps,
    stepP50Ms: answer.stepMs.p50,
    ...statements,
    controllerCpuMsPerStep: round(cpu.busyMs / answer.steps),
    controllerCpu: cpu.shares,
  };
}

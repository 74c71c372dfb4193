import type { StepRun } from '../run-step.ts';

/** What built-in actions need from around them: an agent's controllers, or the work tree at hand. */
export interface ActionWorld {
  /** Fills `target` with the run's commit. */
  checkout(run: StepRun, target: string): Promise<void>;
  /** Seals `path` under this name. */
  publish(
    run: StepRun,
    artifact: { readonly name: string; readonly path: string },
  ): Promise<{ readonly name: string; readonly digest: string }>;
}

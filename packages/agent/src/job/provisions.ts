import { isProvision } from '@holdfast/core/pipeline/loss.ts';
import type { Conclusion, StepDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import type { StepResult } from '../steps/run-step.ts';
import type { JobState, Provision } from './job-state.ts';

/**
 * Steps that change the machine and not the job's folders: packages that are installed, a log-in of a
 * daemon. A checkpoint holds nothing of that, so a step that says `HOLDFAST_ON_RESTORE: rerun` is
 * done again wherever a later checkpoint is restored, and does not count a second time.
 */
interface EndedStep {
  readonly index: number;
  readonly result: Pick<StepResult, 'env' | 'outcome'>;
  readonly conclusion: Conclusion;
}

export function provisionsAfter(
  before: readonly Provision[],
  step: StepDefinition,
  { index, result, conclusion }: EndedStep,
): readonly Provision[] {
  const asked = isProvision(step) && conclusion === 'succeeded';
  return asked ? [...before, { index, env: result.env }] : before;
}

/** Its condition was met then; what came after it must not decide otherwise. */
export function unconditional(step: StepDefinition): StepDefinition {
  return { ...step, condition: 'always()' };
}

/** What it gives is this machine's now; what a later step made of it stays. */
export function provisionedAgain(
  state: JobState,
  step: StepDefinition,
  { index, result }: { readonly index: number; readonly result: StepResult },
): JobState {
  const before = state.provisions?.find((one) => one.index === index)?.env ?? {};
  const mine = Object.entries(result.env).filter(
    ([name]) => !(name in state.env) || state.env[name] === before[name],
  );
  const view = step.id === null ? undefined : state.steps[step.id];
  return {
    ...state,
    steps:
      step.id !== null && view
        ? { ...state.steps, [step.id]: { ...view, outputs: { ...view.outputs, ...result.outputs } } }
        : state.steps,
    env: { ...state.env, ...Object.fromEntries(mine) },
    path: [...state.path, ...result.path.filter((entry) => !state.path.includes(entry))],
    provisions: (state.provisions ?? []).map((one) =>
      one.index === index ? { index, env: result.env } : one,
    ),
    notPortable: state.notPortable ?? result.notPortable,
  };
}

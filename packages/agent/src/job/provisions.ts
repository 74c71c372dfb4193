import { isProvision } from '@holdfast/core/pipeline/loss.ts';
import type { Conclusion, StepDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import type { StepResult } from '../steps/run-step.ts';
import type { JobState, Provision } from './job-state.ts';

/**
 * Steps that change the machine and not the job's folders: packages that are installed, a container
 * that is started. A checkpoint holds nothing of that, so a step that says `HOLDFAST_ON_RESTORE: rerun`
 * is done again wherever a later checkpoint is restored, and does not count a second time.
 */
export function provisionsAfter(
  before: readonly Provision[],
  step: StepDefinition,
  ended: {
    readonly index: number;
    readonly result: Pick<StepResult, 'env' | 'path'>;
    readonly conclusion: Conclusion;
  },
): readonly Provision[] {
  const { env, path } = ended.result;
  return isProvision(step) && ended.conclusion === 'succeeded'
    ? [...before, { index: ended.index, env, path }]
    : before;
}

/** Its condition was met then; what came after it must not decide otherwise. */
export function unconditional(step: StepDefinition): StepDefinition {
  return { ...step, condition: 'always()' };
}

/** What it gives is this machine's now; what later steps made of it stays. */
export function provisionedAgain(
  state: JobState,
  step: StepDefinition,
  { index, result }: { readonly index: number; readonly result: StepResult },
): JobState {
  const { provisions } = state;
  const before: Provision = provisions.find((one) => one.index === index) ?? { index, env: {}, path: [] };
  const env = Object.entries(result.env).filter(
    ([name]) => !(name in state.env) || state.env[name] === before.env[name],
  );
  return {
    ...state,
    steps: withOutputs(state.steps, step, result.outputs),
    env: { ...state.env, ...Object.fromEntries(env) },
    path: replaced(state.path, before.path, result.path),
    provisions: provisions.map((one) =>
      one.index === index
        ? { index, env: { ...one.env, ...result.env }, path: union(result.path, one.path) }
        : one,
    ),
    notPortable: state.notPortable ?? result.notPortable,
  };
}

function withOutputs(
  steps: JobState['steps'],
  { id }: StepDefinition,
  outputs: StepResult['outputs'],
): JobState['steps'] {
  const view = id === null ? undefined : steps[id];
  if (id === null || !view) return steps;
  return { ...steps, [id]: { ...view, outputs: { ...view.outputs, ...outputs } } };
}

/** At the place of its former entries, above them: later steps' go before both in PATH. What it did not say again stays. */
function replaced(
  path: readonly string[],
  before: readonly string[],
  now: readonly string[],
): readonly string[] {
  const kept = path.filter((entry) => !now.includes(entry));
  const last = kept.findLastIndex((entry) => before.includes(entry));
  const place = last < 0 ? kept.length : last + 1;
  return [...kept.slice(0, place), ...now, ...kept.slice(place)];
}

function union(some: readonly string[], others: readonly string[]): readonly string[] {
  return [...some, ...others.filter((entry) => !some.includes(entry))];
}

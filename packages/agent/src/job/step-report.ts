import type { StepFinished } from '@holdfast/contract/agent/protocol.ts';
import type { Conclusion, StepDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import { textOf } from '@holdfast/workflow/expressions.ts';
import type { Masks } from '../steps/masks.ts';
import type { StepResult, StepRun } from '../steps/run-step.ts';
import { valuesOf } from '../steps/step-world.ts';

type Known = Pick<
  StepFinished,
  'jobId' | 'epoch' | 'attemptId' | 'index' | 'name' | 'checkpoint' | 'notPortable'
>;

interface Ended {
  readonly result: StepResult;
  readonly conclusion: Conclusion;
  /** Why there is no checkpoint though there should be one. */
  readonly problem: string | null;
  /** Why there is more than this attempt of the step; null: it is the one that counts. */
  readonly remark: string | null;
  readonly durationMs: number;
}

/** What a controller is told of a step that ended, without a secret in it. */
export function stepFinished(known: Known, ended: Ended, masks: Masks): StepFinished {
  const { result, conclusion, problem, remark, durationMs } = ended;
  const { outcome, exitCode, signal, reason, annotations } = result;
  return {
    kind: 'stepFinished',
    ...known,
    conclusion,
    outcome,
    exitCode,
    signal,
    reason: remark === null ? reason : [...(reason === null ? [] : [reason]), remark].join('; '),
    again: remark !== null,
    durationMs,
    outputs: maskAll(result.outputs, masks),
    annotations: problem === null ? annotations : [...annotations, noCheckpoint(problem)],
    summary: result.summary ? masks.hide(result.summary) : null,
  };
}

function noCheckpoint(problem: string): StepFinished['annotations'][number] {
  return { level: 'warning', message: `no checkpoint after this step: ${problem}`, place: null };
}

/** As GitHub calls a step without a name: by its action, or by the first line of its script. */
export function stepName(step: StepDefinition, run: StepRun): string {
  const { expressions, world, scope, status, masks } = run;
  const given = textOf(expressions.value(step.name, valuesOf(world, scope, status), status));
  if (given !== '') return masks.hide(given);
  if (step.action.kind === 'uses') return `Run ${step.action.uses}`;
  return `Run ${typeof step.action.script === 'string' ? step.action.script.split('\n')[0] : 'script'}`;
}

/** What the step comes to: `continue-on-error` takes a failure for a success. */
export function conclusionOf(step: StepDefinition, run: StepRun, { outcome }: StepResult): Conclusion {
  if (outcome !== 'failed') return outcome;
  const { expressions, world, scope, status } = run;
  const tolerated = expressions.value(step.continueOnError, valuesOf(world, scope, status), status) === true;
  return tolerated ? 'succeeded' : 'failed';
}

/** GitHub drops an output that contains a secret; so do we, by hiding it. */
export function maskAll(values: Record<string, string>, masks: Masks): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, masks.hide(value)]));
}

import type { StepFinished } from '@holdfast/contract/agent/protocol.ts';
import type { Conclusion, StepDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import type { LogPiece } from '@holdfast/core/pipeline/reports.ts';
import { textOf } from '@holdfast/workflow/expressions.ts';
import { msSince } from '../steps/clock.ts';
import type { Masks } from '../steps/masks.ts';
import type { StepResult, StepRun } from '../steps/run-step.ts';
import { valuesOf } from '../steps/step-world.ts';
import type { JobNow } from './job-now.ts';
import type { Retried } from './job-state.ts';

/** One attempt of a step, carried out and not yet judged. */
export interface Attempt {
  readonly base: StepRun;
  readonly index: number;
  readonly attemptId: string;
  readonly name: string;
  /** Of the tries before it; null: there were none. */
  readonly retried: Retried | null;
  readonly result: StepResult;
  /** By uptimeMs(). */
  readonly startedAt: number;
}

export interface Ended extends Attempt {
  readonly conclusion: Conclusion;
}

export interface Told {
  readonly again: boolean;
  /** Why there is more than this attempt of the step. */
  readonly remark?: string;
  readonly checkpoint?: string | null;
  /** Why there is no checkpoint though there should be one. */
  readonly problem?: string | null;
}

const LOG_PATIENCE_MS = 15_000;

/** What a controller is told of a step that ended, without a secret in it, and the end of its log. */
export async function reportOf(
  { grant, state, masks }: Pick<JobNow, 'grant' | 'state' | 'masks'>,
  { base, index, attemptId, name, result, conclusion, startedAt }: Ended,
  { again, remark, checkpoint = null, problem = null }: Told,
): Promise<[StepFinished, LogPiece | null]> {
  const tail = await base.log.end(LOG_PATIENCE_MS);
  const { outcome, exitCode, signal, annotations } = result;
  const finished: StepFinished = {
    kind: 'stepFinished',
    jobId: grant.jobId,
    epoch: grant.epoch,
    attemptId,
    index,
    name,
    checkpoint,
    notPortable: state.notPortable,
    again,
    conclusion,
    outcome,
    exitCode,
    signal,
    reason: [result.reason, remark].filter(Boolean).join('; ') || null,
    durationMs: msSince(startedAt),
    outputs: maskAll(result.outputs, masks),
    annotations: problem === null ? annotations : [...annotations, noCheckpoint(problem)],
    summary: result.summary ? masks.hide(result.summary) : null,
  };
  return [finished, tail && { attemptId, ...tail }];
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

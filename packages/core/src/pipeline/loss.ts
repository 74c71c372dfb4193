import type { Conclusion, JobDefinition, StepDefinition } from './pipeline.ts';

/**
 * What becomes of a job whose agent is gone: it goes on elsewhere from its last checkpoint, begins
 * again where it is not portable, waits for a person where a step says so, or ends. Losses of
 * infrastructure have a budget of their own and never spend the user's retries.
 */
export interface LostJob {
  readonly definition: JobDefinition;
  readonly cancelled: boolean;
  /** How often agents of this job were lost before. */
  readonly losses: number;
  /** Counted attempts, one a step at most. */
  readonly finished: readonly FinishedStep[];
  /** The step whose attempt had begun and not ended, for the first time or again; null: between two steps. */
  readonly inFlight: number | null;
}

export interface FinishedStep {
  readonly index: number;
  readonly checkpoint: string | null;
  readonly notPortable: string | null;
}

export interface Loss {
  /** false: the agent handed the job back in good order; no budget is spent. */
  readonly lost: boolean;
  /** A checkpoint that turned out to be missing or damaged: gone back behind it. */
  readonly spoilt: string | null;
  readonly reason: string;
}

export type LossDecision =
  | {
      readonly kind: 'requeue';
      /** The step it goes on at; counted attempts from here on count no more: they run again. */
      readonly from: number;
      readonly checkpoint: string | null;
      /** Ask first: somebody must say that the step in flight may run again. */
      readonly ask: string | null;
    }
  | { readonly kind: 'end'; readonly conclusion: Conclusion; readonly reason: string };

const LOSSES_ALLOWED = 5;

type OnLost = 'rerun' | 'fail' | 'ask';

export function decideLoss(job: LostJob, loss: Loss): LossDecision {
  if (job.cancelled)
    return { kind: 'end', conclusion: 'cancelled', reason: 'cancelled while its agent was lost' };
  if (loss.lost && job.losses >= LOSSES_ALLOWED)
    return {
      kind: 'end',
      conclusion: 'failed',
      reason: `its agents were lost, or gave it back, ${job.losses + 1} times; the last time: ${loss.reason}`,
    };
  // A step that is done again (HOLDFAST_ON_RESTORE) has done its work once: its user said that it bears that.
  const { inFlight } = job;
  const isFirst = inFlight !== null && job.finished.every(({ index }) => index < inFlight);
  const onLost = isFirst ? onLostOf(job.definition, inFlight) : 'rerun';
  const step = `step ${(inFlight ?? 0) + 1}`;
  if (onLost === 'fail')
    return {
      kind: 'end',
      conclusion: 'failed',
      reason: `its agent was lost during ${step}, which says HOLDFAST_ON_LOST: fail`,
    };
  const { from, checkpoint } = resumePoint(job.finished, loss.spoilt);
  const ask =
    onLost === 'ask' ? `its agent was lost during ${step}, which may have done its work already` : null;
  return { kind: 'requeue', from, checkpoint, ask };
}

export interface ResumePoint {
  readonly from: number;
  readonly checkpoint: string | null;
  /** Why the job can only begin again from its first step; null: it can go on. */
  readonly notPortable: string | null;
}

/** The last checkpoint of a job that was portable all along. */
export function resumePoint(finished: readonly FinishedStep[], spoilt: string | null = null): ResumePoint {
  const fixed = finished.find((step) => step.notPortable !== null);
  if (fixed) return { from: 0, checkpoint: null, notPortable: fixed.notPortable };
  const kept = finished.filter((step) => step.checkpoint !== null && step.checkpoint !== spoilt);
  const last = kept.reduce<FinishedStep | null>(
    (best, step) => (best && best.index > step.index ? best : step),
    null,
  );
  return { from: last ? last.index + 1 : 0, checkpoint: last?.checkpoint ?? null, notPortable: null };
}

function onLostOf(definition: JobDefinition, index: number): OnLost {
  const word = stepSetting(definition.steps[index], 'HOLDFAST_ON_LOST');
  return word === 'fail' || word === 'ask' ? word : 'rerun';
}

/** It changes the machine, not the job's folders, and is done again wherever a checkpoint behind it is restored. */
export function isProvision(step: StepDefinition): boolean {
  return stepSetting(step, 'HOLDFAST_ON_RESTORE') === 'rerun';
}

/** A setting that a step carries as an environment variable, where it is plain text. */
export function stepSetting(step: StepDefinition | undefined, name: string): string | null {
  const env = step?.env ?? null;
  if (env === null || typeof env !== 'object' || !('members' in env)) return null;
  const value = env.members.find(([member]) => member === name)?.[1] ?? null;
  return typeof value === 'string' ? value : null;
}

import type { Evidence, Judgement, Rule } from '../analysis/analysis.ts';

/**
 * One rollout: a release on its way to an environment's traffic.
 *
 *   planned ─▶ starting ─▶ ready ─▶ shifting ─▶ analysing ─┐   a step: start, shift, judge
 *                 ▲                                        │
 *                 └──────────── next step ─────────────────┤
 *                                                          ├─▶ promoting ─▶ soaking ─▶ done
 *   any of these ─▶ paused ─▶ back    analysing ─▶ held ───┤
 *   any of these ─▶ aborting ─▶ aborted                    └─▶ aborting (worse)
 *   any of these ─▶ superseded (a newer release was asked for)
 *   starting ─▶ failed (the first release of an environment never became ready)
 *
 * A rollback is a rollout of a retained release: planned ─▶ starting ─▶ rollingBack ─▶ rolledBack.
 * It skips analysis, never readiness. Owner of every transition: the environment's duty in the
 * controller; people only send events.
 */
export const ROLLOUT_STATES = [
  'planned',
  'awaitingApproval',
  'expanding',
  'starting',
  'ready',
  'shifting',
  'analysing',
  'held',
  'paused',
  'promoting',
  'soaking',
  'done',
  'aborting',
  'aborted',
  'rollingBack',
  'rolledBack',
  'superseded',
  'failed',
] as const;
export type RolloutState = (typeof ROLLOUT_STATES)[number];

const TERMINAL: readonly RolloutState[] = ['done', 'aborted', 'rolledBack', 'superseded', 'failed'];

export function isFinal(state: RolloutState): boolean {
  return TERMINAL.includes(state);
}

export interface RolloutStep {
  /** Basis points of 10,000. */
  readonly weight: number;
  readonly dwellMs: number;
}

/** Frozen when the rollout is planned: a changed file changes the next rollout, not this one. */
export interface RolloutPlan {
  readonly replicas: number;
  readonly steps: readonly RolloutStep[];
  readonly baseline: 'fresh' | 'stable';
  readonly warmupMs: number;
  readonly deadlineMs: number;
  readonly rule: Rule;
  readonly whenUndecided: 'advance' | 'hold' | 'abort';
  readonly whenInsufficient: 'probe' | 'hold' | 'abort';
  readonly readinessDeadlineMs: number;
  readonly soakMs: number;
}

export interface Rollout {
  readonly id: string;
  readonly environment: string;
  readonly kind: 'release' | 'rollback';
  readonly candidate: string;
  readonly stable: string | null;
  readonly plan: RolloutPlan;
  readonly state: RolloutState;
  /** Index into plan.steps. */
  readonly step: number;
  /** The candidate's share that is wanted now, basis points. */
  readonly weight: number;
  /** Database clock, ms. */
  readonly stateSince: number;
  readonly startedAt: number;
  readonly pausedFrom: RolloutState | null;
  /** First moment at which the candidate got traffic; samples count from `warmupMs` later. */
  readonly trafficSince: number | null;
  readonly evidence: Evidence;
  readonly judgement: Judgement | null;
  /** A step was passed without enough requests to say anything. */
  readonly unjudged: boolean;
  readonly reason: string | null;
}

/** What the environment's duty saw, gathered before it asks for a decision. */
export interface Observation {
  readonly candidate: ArmFleet;
  readonly baseline: ArmFleet;
  readonly routers: {
    /** The shares this rollout wants stand in the published snapshot. */
    readonly published: boolean;
    /** Every worker that is not lost has acknowledged that snapshot. */
    readonly acknowledged: boolean;
    readonly mute: readonly string[];
    readonly count: number;
  };
}

export interface ArmFleet {
  readonly ready: number;
  readonly crashed: number;
  /** Why the last instance of it is not ready, in its own words. */
  readonly complaint: string | null;
}

export type RolloutEvent =
  | { readonly kind: 'tick'; readonly observation: Observation }
  | { readonly kind: 'advance'; readonly full: boolean }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'abort'; readonly reason: string }
  | { readonly kind: 'supersede'; readonly by: string };

export type RolloutEffect =
  /** From now on this release is the environment's stable one and the former one its hot previous. */
  | { readonly kind: 'makeStable'; readonly release: string }
  /** It was stable for moments and did harm: the former one is again, and this one is nothing to return to. */
  | { readonly kind: 'restoreStable'; readonly release: string; readonly instead: string }
  | { readonly kind: 'announce'; readonly state: RolloutState; readonly reason: string | null };

export interface RolloutRefusal {
  readonly code: 'rolloutEnded' | 'rolloutStateUnfit';
  readonly sentence: string;
}

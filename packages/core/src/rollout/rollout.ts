import type { Evidence, Judgement, Rule } from '../analysis/analysis.ts';
import type { Route } from '../traffic/traffic.ts';

/**
 * One rollout: a release on its way to an environment's traffic.
 *
 *   planned ─▶ awaitingApproval ─▶ expanding ─▶ starting ─▶ ready ─▶ shifting ─▶ analysing ─┐  a step: start, shift, judge
 *      frozen: waits                  ▲          └▶ held (gate, capacity)      │
 *                                     └────────── next step ───────────────────┤
 *                                                                              ├─▶ promoting ─▶ soaking ─▶ done
 *   any of these ─▶ paused ─▶ back                     analysing ─▶ held ──────┤
 *   any of these ─▶ aborting ─▶ aborted                                        └─▶ aborting (worse)
 *   any of these ─▶ aborting ─▶ superseded (a newer release was asked for)
 *   starting ─▶ failed (the first release of an environment never became ready)
 *
 * Expanding: the shape that the release needs is added to the database first; traffic moves when its
 * backfill is done (core/migration).
 *
 * Canary, rolling and blue-green are plans of steps over this one machine (strategies/). Aborting
 * ends when stable carries everything again: at once where it kept its fleet, and when it is whole
 * again where it was being replaced.
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

export const STRATEGIES = ['canary', 'rolling', 'blueGreen'] as const;
export type Strategy = (typeof STRATEGIES)[number];

export interface RolloutStep {
  /** The candidate's share of the traffic, basis points of 10,000. */
  readonly weight: number;
  readonly dwellMs: number;
  /** A person opens it before the step's traffic moves. */
  readonly gate: boolean;
  /** Share of stable's safe requests whose copies the candidate gets; its answers are thrown away. */
  readonly mirror: number;
  /** Requests that go to the candidate whatever the share. */
  readonly routes: readonly Route[];
  /** Instances of the candidate that must be ready. */
  readonly candidates: number;
  /** Instances of stable while the step's instances start, and once its traffic has moved. */
  readonly stableMeanwhile: number;
  readonly stable: number;
}

/** Frozen when the rollout is planned: a changed file changes the next rollout, not this one. */
export interface RolloutPlan {
  readonly strategy: Strategy;
  readonly replicas: number;
  readonly steps: readonly RolloutStep[];
  /** Whom the candidate is compared with; before: stable, until the traffic was switched. */
  readonly baseline: 'fresh' | 'stable' | 'before';
  /** At most so many instances of both releases at once; null: as many as the arms need. */
  readonly ceiling: number | null;
  /** Requests per second that one replica carries safely; null: not said. */
  readonly safeRps: number | null;
  /** Capacity is counted without the zone that has the most of an arm. */
  readonly zoneLoss: boolean;
  /** Port of the router where the candidate answers before the switch; null: none. */
  readonly preview: number | null;
  readonly warmupMs: number;
  readonly deadlineMs: number;
  readonly rule: Rule;
  readonly whenUndecided: 'advance' | 'hold' | 'abort';
  readonly whenInsufficient: 'probe' | 'hold' | 'abort';
  /** false: a candidate that does harm is held for a person instead of being aborted. */
  readonly automatic: boolean;
  readonly readinessDeadlineMs: number;
  readonly soakMs: number;
  /** People who must approve this digest before anything starts. */
  readonly approvals: number;
}

/**
 * gate: a person opens it · capacity: the replicas cannot carry the step · verdict: the policy says hold
 * · harm: it does harm, and a person wants to decide.
 */
export const HELD_FOR = ['gate', 'capacity', 'verdict', 'harm'] as const;
export type HeldFor = (typeof HELD_FOR)[number];

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
  readonly heldFor: HeldFor | null;
  /** The last step that a person opened: its gate, or the whole traffic in spite of the capacity. */
  readonly opened: number | null;
  /** A person wants the remaining batches without their dwell. */
  readonly hurried: boolean;
  /** A person saw that it does harm and let it go on. */
  readonly overruled: boolean;
  /** The candidate is the environment's stable release already. */
  readonly promoted: boolean;
  /** Who asked for it, where it was a person; approvals are others'. */
  readonly askedBy: string | null;
  /** The release that takes this one's place once it has let go; null: none. */
  readonly supersededBy: string | null;
  /** First moment at which the candidate got traffic. */
  readonly trafficSince: number | null;
  /** Last moment at which instances of the candidate got traffic that had none; null: none has. Not judged for `warmupMs`. */
  readonly warmingSince: number | null;
  /** Since when fewer of the candidate's instances are ready than its traffic needs; null: enough are. */
  readonly shortSince: number | null;
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
  readonly stable: ArmFleet;
  /** How many instances the stable release has when it is whole: its own number, not the candidate's. */
  readonly stableReplicas: number;
  /** Over the last minute, all arms together; null: nothing was measured. */
  readonly requestsPerSecond: number | null;
  /** Why nothing may start now: a freeze, or no allowed window; null: it may. */
  readonly blocked: string | null;
  /** People who approved this digest. */
  readonly approvals: number;
  /** Why the schema lets the candidate not start yet, or get no traffic yet; null: it does. */
  readonly schema: { readonly start: string | null; readonly traffic: string | null };
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
  /** Ready ones that are left when the zone with the most of them is lost, where the environment counts on that. */
  readonly dependable: number;
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
  | { readonly kind: 'reject'; readonly by: string }
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

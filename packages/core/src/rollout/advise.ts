import { formatDuration, formatShare } from '../kernel/quantity.ts';
import { WHOLE } from '../traffic/traffic.ts';
import { planned } from './begin.ts';
import { overload } from './capacity.ts';
import { currentStep, wantedReplicas } from './plan.ts';
import type { ArmFleet, RolloutPlan, Strategy } from './rollout.ts';

/**
 * What a rollout would do with the traffic as it was measured: how long, whether the traffic can
 * decide the rule in that time and what it could miss, whether the replicas carry every step, and
 * which strategy these facts speak for.
 */
export interface Facts {
  readonly requestsPerSecond: number;
  /** Fraction of requests that fail today. */
  readonly errorRate: number;
  readonly sticky: boolean;
  /** From start to ready, ms; null: never measured. */
  readonly startMs: number | null;
  readonly zones: number;
}

export interface Advice {
  readonly strategy: Strategy;
  readonly recommended: Strategy;
  readonly because: string;
  readonly decidable: boolean;
  /** The least rise of the error rate that would be seen four times out of five; fraction, null: none. */
  readonly detectable: number | null;
  readonly shortestMs: number;
  readonly longestMs: number;
  /** Steps the replicas cannot carry, each as a sentence. */
  readonly overloads: readonly string[];
}

/** The fewest requests per second at which a canary's first steps say anything within their deadline. */
const CANARY_RPS = 1;

export function advise(plan: RolloutPlan, facts: Facts): Advice {
  const watched = watchedRequests(plan, facts);
  const overloads = overloadsOf(plan, facts);
  const { recommended, because } = recommend(plan, facts, overloads);
  const start = ((facts.startMs ?? 0) + plan.warmupMs) * (plan.steps.length + 1);
  return {
    strategy: plan.strategy,
    recommended,
    because,
    decidable: watched >= requestsToDecide(facts.errorRate, plan.rule.errorIncrease),
    detectable: detectableRise(facts.errorRate, watched),
    shortestMs: start + plan.steps.reduce((sum, step) => sum + step.dwellMs, 0) + plan.soakMs,
    longestMs:
      start +
      plan.steps.reduce((sum, step) => sum + Math.max(step.dwellMs, plan.deadlineMs), 0) +
      plan.soakMs,
    overloads,
  };
}

/** Requests that would reach the candidate until the last step's deadline. */
function watchedRequests(plan: RolloutPlan, { requestsPerSecond }: Facts): number {
  return plan.steps.reduce(
    (sum, step) =>
      sum + requestsPerSecond * ((step.weight + step.mirror) / WHOLE) * (plan.deadlineMs / 1_000),
    0,
  );
}

/** Fixed-sample size per arm, one-sided 5 %, power 80 % (reference/rollouts.md §2.4 I). */
export function sampleSize(base: number, rise: number): number {
  const p0 = Math.max(base, 0.0005);
  const p1 = Math.min(1, p0 + rise);
  return (6.18 * (p0 * (1 - p0) + p1 * (1 - p1))) / (rise * rise);
}

/**
 * The judge looks at every moment and aborts one healthy release in a hundred at most, so it needs more than a test of
 * a set size: 34,000 to 70,000 requests (measured.md §2) where the textbook says 18,436.
 */
const JUDGE_FACTOR = 2.5;

export function requestsToDecide(base: number, rise: number): number {
  return JUDGE_FACTOR * sampleSize(base, rise);
}

function detectableRise(base: number, watched: number): number | null {
  if (requestsToDecide(base, 1 - base) > watched) return null;
  let [low, high] = [0, 1];
  for (let halving = 0; halving < 40; halving += 1) {
    const middle = (low + high) / 2;
    if (middle > 0 && requestsToDecide(base, middle) <= watched) high = middle;
    else low = middle;
  }
  return high;
}

/** Every step, and everything on either fleet alone, with the fullest of the zones lost where that is asked for. */
function overloadsOf(plan: RolloutPlan, facts: Facts): readonly string[] {
  if (plan.safeRps === null || facts.requestsPerSecond === 0) return [];
  const left = (replicas: number) =>
    plan.zoneLoss ? replicas - Math.ceil(replicas / Math.max(1, facts.zones)) : replicas;
  const fleet = (replicas: number): ArmFleet => ({
    ready: replicas,
    dependable: left(replicas),
    crashed: 0,
    complaint: null,
  });
  const blank = planned(
    { id: '', environment: '', kind: 'release', candidate: 'new', stable: 'old', askedBy: null, plan },
    0,
  );
  return [...plan.steps.keys(), plan.steps.length].flatMap((index) => {
    const step = currentStep(plan, index);
    const wanted = wantedReplicas({ ...blank, step: index });
    const sentence = overload(
      // Stable as it is today is no excuse here: a plan says what does not fit.
      { ...blank, step: index, weight: WHOLE },
      {
        candidate: fleet(wanted.candidate),
        baseline: fleet(wanted.baseline),
        stable: fleet(plan.replicas),
        stableReplicas: plan.replicas,
        requestsPerSecond: facts.requestsPerSecond,
        blocked: null,
        approvals: 0,
        schema: { start: null, traffic: null },
        routers: { published: true, acknowledged: true, mute: [], count: 1 },
      },
    );
    return sentence === null ? [] : [`At ${formatShare(step.weight)} ${sentence}.`];
  });
}

function recommend(
  plan: RolloutPlan,
  facts: Facts,
  overloads: readonly string[],
): { readonly recommended: Strategy; readonly because: string } {
  if (plan.replicas === 1)
    return { recommended: 'blueGreen', because: 'one replica cannot be split; a second one is switched to' };
  if (facts.requestsPerSecond < CANARY_RPS)
    return {
      recommended: 'blueGreen',
      because: `${facts.requestsPerSecond} requests/s say nothing about a share of them; look at the preview, then switch`,
    };
  const slow = facts.startMs !== null && facts.startMs > 120_000;
  if (slow && overloads.length > 0)
    return {
      recommended: 'rolling',
      because: `an instance takes ${formatDuration(facts.startMs ?? 0)} to start and the fleet has no room beside it`,
    };
  const users = facts.sticky
    ? 'users stay on the release they met'
    : 'requests, not users, are split: set traffic.sticky';
  return {
    recommended: 'canary',
    because: `${facts.requestsPerSecond} requests/s can judge a share of the traffic before the rest follows; ${users}`,
  };
}

import type { Histogram } from './histogram.ts';
import type { Running } from './running.ts';

/**
 * What the judge sees and says. All evidence is carried through every step of one rollout; α, the
 * chance to abort a healthy release, is spent over metrics only, so looking often costs nothing
 * (reference/measured.md §2).
 */
export type Verdict = 'worse' | 'notWorse' | 'undecided' | 'insufficientData';

/** What one arm answered in one interval. Units are requests, or (user, second) where sticky is on. */
export interface ArmSample {
  readonly units: number;
  readonly failedUnits: number;
  readonly requests: number;
  readonly latency: Histogram;
  /** Buckets of the users for whom something failed; null: users are not known. */
  readonly failedUsers: readonly number[] | null;
}

/** One interval of 1–5 s, the same for all arms. `stable` counts all concurrent stable traffic. */
export interface Sample {
  readonly candidate: ArmSample;
  readonly stable: ArmSample;
  /** The fresh baseline alone; the same as `stable` where the baseline is not fresh. */
  readonly baseline: ArmSample;
}

/**
 * sequential: beside the concurrent stable release, valid at every look. before: against what stable
 * did until the switch, by confidence sequences; a world that changes at that moment looks like the
 * release. plain: a threshold that is passed for a while; simple, and wrong more often (bench judge).
 */
export const METHODS = ['sequential', 'before', 'plain'] as const;
export type Method = (typeof METHODS)[number];

/** A metric of the user's own: how it may move, and how far, as a share of the baseline's value. */
export interface MetricRule {
  readonly name: string;
  /** The direction that does harm. */
  readonly direction: 'increase' | 'decrease' | 'either';
  readonly margin: number;
}

/** What a provider said of one metric. */
export interface MetricSample {
  readonly metric: string;
  readonly candidate: number | null;
  readonly baseline: number | null;
  /** Why there is no value; null: there is one. */
  readonly problem: string | null;
}

export interface MetricEvidence {
  /** Relative differences where both arms were sampled at the same moment. */
  readonly pairs: Running;
  /** Values as they were: of the candidate's time, and of before it or of the baseline. */
  readonly candidate: Running;
  readonly before: Running;
  /** The values that came last: the same again is the same reading, not another. */
  readonly last: readonly [number | null, number | null];
  readonly problem: string | null;
}

export interface Rule {
  readonly metrics: readonly MetricRule[];
  readonly method: Method;
  /** plain: how long the threshold must be passed, looked at every ten seconds. */
  readonly plainForMs: number;
  /** For the whole release, over all metrics. */
  readonly alpha: number;
  /** As a fraction: 0.2 pp = 0.002. */
  readonly errorIncrease: number;
  readonly latencyQuantile: number;
  readonly latencyIncreaseMs: number;
  readonly minimumRequests: number;
}

export interface ArmTotals {
  readonly units: number;
  readonly failedUnits: number;
  readonly requests: number;
  readonly latency: Histogram;
}

export interface Evidence {
  /** ln of the likelihood ratio so far, for each member of the mixtures: of errors, of slow answers. */
  readonly logRatios: readonly number[];
  readonly slowLogRatios: readonly number[];
  /** Users who have failed once: failed-users.ts. */
  readonly failedUsers: string;
  /**
   * How many of the candidate's units would have failed at stable's rate of each interval: the
   * difference is taken interval by interval, because the weight and the error rate both move.
   */
  readonly expectedFailures: number;
  readonly candidate: ArmTotals;
  readonly stable: ArmTotals;
  readonly baseline: ArmTotals;
  readonly metrics: { readonly [name: string]: MetricEvidence };
  /** The last minutes in slices of ten seconds, for the plain rule; empty under the others. */
  readonly recent: readonly Slice[];
}

export interface Slice extends Sample {
  /** Unix time in units of ten seconds. */
  readonly slice: number;
}

/** One metric's judgement. Rates as fractions, latencies in ms, others relative to the baseline. */
export interface MetricVerdict {
  /** errorRate, latency, or the name of a metric of the user's own. */
  readonly metric: string;
  readonly unit: 'rate' | 'ms' | 'share';
  readonly verdict: Verdict;
  readonly candidate: number | null;
  readonly baseline: number | null;
  /** Candidate less baseline, with its confidence interval, both valid at any look. */
  readonly estimate: number | null;
  readonly interval: readonly [number, number] | null;
  readonly margin: number;
  readonly n: { readonly candidate: number; readonly baseline: number };
  readonly alpha: number;
  readonly sentence: string;
}

export interface Judgement {
  readonly verdict: Verdict;
  /** Harm of several times the margin would show by now, and what was seen speaks against it. */
  readonly wouldShow: boolean;
  /** Nothing but metrics that have said nothing (their provider is away) stands between it and notWorse. */
  readonly onlySilent: boolean;
  readonly metrics: readonly MetricVerdict[];
  readonly sentence: string;
}

import type { Histogram } from './histogram.ts';

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
}

/** One interval of 1–5 s, the same for all arms. `stable` counts all concurrent stable traffic. */
export interface Sample {
  readonly candidate: ArmSample;
  readonly stable: ArmSample;
  /** The fresh baseline alone; the same as `stable` where the baseline is not fresh. */
  readonly baseline: ArmSample;
}

export interface Rule {
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
  /** ln of the likelihood ratio so far, for each rate ratio of the mixture. */
  readonly logRatios: readonly number[];
  /**
   * How many of the candidate's units would have failed at stable's rate of each interval: the
   * difference is taken interval by interval, because the weight and the error rate both move.
   */
  readonly expectedFailures: number;
  readonly candidate: ArmTotals;
  readonly stable: ArmTotals;
  readonly baseline: ArmTotals;
}

/** One metric's judgement. Rates as fractions, latencies in ms. */
export interface MetricVerdict {
  readonly metric: 'errorRate' | 'latency';
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
  readonly metrics: readonly MetricVerdict[];
  readonly sentence: string;
}

/** The whole environment's traffic, and what is wrong with the candidate. */
export interface Scenario {
  readonly requestsPerSecond: number;
  /** Share of requests that fail on the stable release. */
  readonly baseError: number;
  readonly shape: Shape;
  /** 0 and 0: a healthy candidate. Extra failures as a fraction. */
  readonly extraError: number;
  readonly extraMs: number;
}

/**
 * Steady; load, errors and latency that rise and fall; errors of a few sticky users; and latencies of
 * which the slowest hundredth are thirty times the median.
 */
export const SHAPES = ['steady', 'waves', 'clustered', 'heavyTail'] as const;
export type Shape = (typeof SHAPES)[number];

/** Basis points. */
export const WHOLE = 10_000;

/** Mean and spread of values that come one by one (Welford). */
export interface Running {
  readonly n: number;
  readonly mean: number;
  /** Sum of squared distances from the mean. */
  readonly m2: number;
}

export const NO_VALUES: Running = { n: 0, mean: 0, m2: 0 };

export function addValue({ n, mean, m2 }: Running, value: number): Running {
  const count = n + 1;
  const moved = mean + (value - mean) / count;
  return { n: count, mean: moved, m2: m2 + (value - mean) * (value - moved) };
}

/** Tightest after so many values. */
const TUNED_FOR = 15;

/**
 * How far the mean may lie from the truth at any look: the asymptotic confidence sequence of Waudby-Smith
 * et al. (reference/rollouts.md §2.4 D). Infinite until there are enough values for it to hold.
 */
export function meanRadius({ n, m2 }: Running, alpha: number): number {
  if (n < FEWEST) return Infinity;
  const log = -2 * Math.log(alpha);
  const rho2 = (log + Math.log(log + 1)) / TUNED_FOR;
  const grown = n * rho2 + 1;
  const deviation = Math.sqrt(m2 / (n - 1));
  return deviation * Math.sqrt(((2 * grown) / (n * n * rho2)) * Math.log(Math.sqrt(grown) / alpha));
}

export const FEWEST = 6;

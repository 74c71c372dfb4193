/**
 * Kayenta's Mann-Whitney test (reference/rollouts.md §2.1, step 3): the normal approximation with tie and
 * continuity correction, inverted into an interval for the shift between two samples. Roots by bisection,
 * where Kayenta takes Brent's method; the tolerance is the same.
 */
const TOLERANCE = 1e-4;
/** Φ⁻¹(0.99), for its confidence of 0.98. */
const Z = 2.3263478740408408;

export interface Shift {
  readonly low: number;
  readonly high: number;
  readonly estimate: number;
}

export function shiftOf(experiment: readonly number[], control: readonly number[]): Shift {
  const from = Math.min(...experiment) - Math.max(...control);
  const to = Math.max(...experiment) - Math.min(...control);
  const at = (z: number) => root((shift) => deviation(experiment, control, shift) - z, from, to);
  return { low: at(Z), high: at(-Z), estimate: at(0) };
}

/** Standard deviations by which the rank sum of `experiment` less `shift` is above what chance gives. */
function deviation(experiment: readonly number[], control: readonly number[], shift: number): number {
  const m = experiment.length;
  const n = control.length;
  const size = m + n;
  const { rankSum, ties } = rank(
    experiment.map((value) => value - shift),
    control,
  );
  const excess = rankSum - (m * (m + 1)) / 2 - (m * n) / 2;
  const sigma = Math.sqrt(((m * n) / 12) * (size + 1 - ties / (size * (size - 1))));
  return sigma === 0 ? 0 : (excess - 0.5 * Math.sign(excess)) / sigma;
}

/** The rank sum of the first among both, ties at their average; and Σ(t³ − t) over the ties. */
function rank(first: readonly number[], second: readonly number[]) {
  const all = [
    ...first.map((value) => ({ value, mine: 1 })),
    ...second.map((value) => ({ value, mine: 0 })),
  ].sort((a, b) => a.value - b.value);
  let rankSum = 0;
  let ties = 0;
  for (let start = 0; start < all.length; ) {
    let end = start;
    let mine = 0;
    for (; end < all.length && all[end]?.value === all[start]?.value; end += 1) mine += all[end]?.mine ?? 0;
    const tied = end - start;
    rankSum += (mine * (start + 1 + end)) / 2;
    ties += tied ** 3 - tied;
    start = end;
  }
  return { rankSum, ties };
}

/** Of a function that falls; an end that is past the root already is the answer. */
function root(falling: (shift: number) => number, from: number, to: number): number {
  if (falling(from) <= 0) return from;
  if (falling(to) >= 0) return to;
  let low = from;
  let high = to;
  while (high - low > TOLERANCE) {
    const middle = (low + high) / 2;
    if (falling(middle) > 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

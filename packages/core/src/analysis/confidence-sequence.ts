import type { SpecialFunctions } from './ports.ts';

/**
 * An interval for a proportion that may be looked at as often as one likes: Robbins' Beta-Binomial
 * confidence sequence. {p : ln M(p) < ln(1/α)} with
 * M(p) = B(s+a, n−s+b) / (B(a,b) · p^s · (1−p)^(n−s)); both ends by bisection.
 */
export interface Count {
  readonly n: number;
  readonly bad: number;
}

/** Any prior is valid; one near the truth is tighter. */
export interface Prior {
  readonly a: number;
  readonly b: number;
}
export const RARE: Prior = { a: 1, b: 99 };
export const ANYWHERE: Prior = { a: 1, b: 1 };
const HALVINGS = 40;

export function proportionInterval(
  count: Count,
  alpha: number,
  { special, prior }: { readonly special: SpecialFunctions; readonly prior: Prior },
): readonly [number, number] {
  const { n, bad } = count;
  if (n === 0) return [0, 1];
  const { a, b } = prior;
  const base = lnBeta(bad + a, n - bad + b, special) - lnBeta(a, b, special);
  const limit = Math.log(1 / alpha);
  const inside = (p: number) => base - bad * Math.log(p) - (n - bad) * Math.log(1 - p) < limit;
  const top = Math.min(Math.max(bad / n, 1e-12), 1 - 1e-12);
  const lower = bad === 0 ? 0 : bisect(1e-15, top, inside);
  const upper = bad === n ? 1 : bisect(1 - 1e-15, top, inside);
  return [lower, upper];
}

/** Where `inside` turns true on the way from `outer` (outside) to `inner` (inside). */
function bisect(outer: number, inner: number, inside: (p: number) => boolean): number {
  let out = outer;
  let within = inner;
  for (let halving = 0; halving < HALVINGS; halving += 1) {
    const middle = (out + within) / 2;
    if (inside(middle)) within = middle;
    else out = middle;
  }
  return within;
}

function lnBeta(a: number, b: number, { lnGamma }: SpecialFunctions): number {
  return lnGamma(a) + lnGamma(b) - lnGamma(a + b);
}

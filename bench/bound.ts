import { round } from './latency.ts';

/** What a benchmark promises: the figure beside its limit. One that is missed fails the command. */
export interface Bound {
  readonly what: string;
  readonly measured: number;
  readonly bound: string;
  readonly met: boolean;
}

export function atMost(what: string, measured: number, limit: number): Bound {
  return { what, measured: round(measured), bound: `<= ${limit}`, met: measured <= limit };
}

export function below(what: string, measured: number, limit: number): Bound {
  return { what, measured: round(measured), bound: `< ${limit}`, met: measured < limit };
}

export function atLeast(what: string, measured: number, limit: number): Bound {
  return { what, measured: round(measured), bound: `>= ${limit}`, met: measured >= limit };
}

/** A benchmark without bounds misses none. */
export function missedOf(result: object): readonly Bound[] {
  const { bounds = [] } = result as { readonly bounds?: readonly Bound[] };
  return bounds.filter((bound) => !bound.met);
}

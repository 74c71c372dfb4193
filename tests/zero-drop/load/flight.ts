/**
 * One request under way: from its first byte out to its last byte in. A WebSocket and an endless
 * event stream are flights, too, for as long as they last, and so is each message on the former.
 */
export const KINDS = ['get', 'post', 'slow', 'chunked', 'sse', 'ws'] as const;
export type Kind = (typeof KINDS)[number];

export interface Flight {
  readonly id: string;
  readonly kind: Kind;
  /** Over a connection that is kept for the next request, or over one of its own. */
  readonly kept: boolean;
  /** Ends when its server says so and comes again; nobody waits for its end. */
  readonly lasting: boolean;
  /** The WebSocket that carries it. */
  readonly carrier: string | null;
  readonly phase: string;
  readonly startedAt: number;
  endedAt: number | null;
  localPort: number | null;
  /** How long its connection had been idle; null: it is a new one. */
  idleMs: number | null;
  instance: string | null;
  problem: string | null;
  hung: boolean;
}

export interface KindTotals {
  ended: number;
  failed: number;
  hung: number;
}

export interface PhaseTotals {
  readonly kinds: Record<Kind, KindTotals>;
  /** POSTs that were answered. */
  executed: number;
  kept: number;
  fresh: number;
  /** Streams and sockets that were asked to go away and were back at once. */
  cameBack: number;
  slowestMs: number;
  readonly failures: Flight[];
}

export function emptyTotals(): PhaseTotals {
  const kinds = Object.fromEntries(KINDS.map((kind) => [kind, { ended: 0, failed: 0, hung: 0 }]));
  return {
    kinds: kinds as Record<Kind, KindTotals>,
    executed: 0,
    kept: 0,
    fresh: 0,
    cameBack: 0,
    slowestMs: 0,
    failures: [],
  };
}

/** Of two load processes. */
export function addTotals(one: PhaseTotals, other: PhaseTotals): PhaseTotals {
  const kinds = Object.fromEntries(
    KINDS.map((kind) => {
      const [a, b] = [one.kinds[kind], other.kinds[kind]];
      return [kind, { ended: a.ended + b.ended, failed: a.failed + b.failed, hung: a.hung + b.hung }];
    }),
  );
  return {
    kinds: kinds as Record<Kind, KindTotals>,
    executed: one.executed + other.executed,
    kept: one.kept + other.kept,
    fresh: one.fresh + other.fresh,
    cameBack: one.cameBack + other.cameBack,
    slowestMs: Math.max(one.slowestMs, other.slowestMs),
    failures: [...one.failures, ...other.failures],
  };
}

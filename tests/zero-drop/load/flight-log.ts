import { nowMs } from '../clock.ts';
import { emptyTotals, type Flight, type Kind, type PhaseTotals } from './flight.ts';

/**
 * Every flight of this process: the open ones, those that ended lately (for whoever has just killed
 * something and asks what was under way), and totals by phase. A lasting flight counts for the phase
 * in which it ends, another for the one in which it began.
 */
const KEPT_MS = 15_000;
const FAILURES_KEPT = 2_000;

export class FlightLog {
  phase = 'before';
  private readonly totals = new Map<string, PhaseTotals>();
  private readonly open = new Map<string, Flight>();
  private ended: Flight[] = [];
  private count = 0;
  private readonly process: { readonly index: number; readonly of: number };

  constructor(process: { readonly index: number; readonly of: number }) {
    this.process = process;
  }

  begin(
    kind: Kind,
    how: { readonly kept: boolean; readonly lasting?: boolean; readonly carrier?: string },
  ): Flight {
    this.count += 1;
    const flight: Flight = {
      // The number is unique over all load processes; the letter tells people what it was.
      id: `${kind[0]}${this.count * this.process.of + this.process.index}`,
      kind,
      kept: how.kept,
      lasting: how.lasting ?? false,
      carrier: how.carrier ?? null,
      phase: this.phase,
      startedAt: nowMs(),
      endedAt: null,
      localPort: null,
      idleMs: null,
      instance: null,
      problem: null,
      hung: false,
    };
    this.open.set(flight.id, flight);
    return flight;
  }

  /** The first end counts: a deadline and an error often come together. */
  end(flight: Flight, how: { readonly problem?: string; readonly hung?: boolean } = {}): void {
    if (flight.endedAt !== null) return;
    flight.endedAt = nowMs();
    flight.problem = how.problem ?? null;
    flight.hung = how.hung ?? false;
    this.open.delete(flight.id);
    this.ended.push(flight);
    this.forgetOld();
    this.add(flight, this.totalsOf(flight.lasting ? this.phase : flight.phase));
  }

  cameBack(): void {
    this.totalsOf(this.phase).cameBack += 1;
  }

  executed(flight: Flight): void {
    this.totalsOf(flight.phase).executed += 1;
  }

  totalsOf(phase: string): PhaseTotals {
    const known = this.totals.get(phase);
    if (known) return known;
    const made = emptyTotals();
    this.totals.set(phase, made);
    return made;
  }

  openIn(phase: string): number {
    let count = 0;
    for (const flight of this.open.values()) if (!flight.lasting && flight.phase === phase) count += 1;
    return count;
  }

  /** Whatever was under way at some moment from `from` to `to`. */
  window(from: number, to: number): Flight[] {
    const overlaps = ({ startedAt, endedAt }: Flight) =>
      startedAt <= to && (endedAt === null || endedAt >= from);
    return [...this.ended, ...this.open.values()].filter(overlaps);
  }

  private add(flight: Flight, totals: PhaseTotals): void {
    const kind = totals.kinds[flight.kind];
    kind.ended += 1;
    if (flight.kept) totals.kept += 1;
    else totals.fresh += 1;
    if (flight.hung) kind.hung += 1;
    else if (flight.problem !== null) kind.failed += 1;
    if (flight.problem !== null && totals.failures.length < FAILURES_KEPT) totals.failures.push(flight);
    // A flight that lasts as long as it may is not slow.
    const fast = flight.kind === 'get' || flight.kind === 'post';
    if (fast) totals.slowestMs = Math.max(totals.slowestMs, (flight.endedAt ?? 0) - flight.startedAt);
  }

  private forgetOld(): void {
    const oldest = nowMs() - KEPT_MS;
    if ((this.ended[0]?.endedAt ?? oldest) >= oldest - 5_000) return;
    this.ended = this.ended.filter(({ endedAt }) => (endedAt ?? 0) >= oldest);
  }
}

import { LATE_MS, type Queryable } from '../database.ts';
import { placeEvents } from './event-store.ts';

/**
 * Gives places without looking again at what had its place long ago: while a transaction elsewhere is
 * held open, those rows stay where they were found, hundreds a second. An id is drawn in a transaction
 * that lives for less than LATE_MS, so that far behind nothing new appears; now and then everything is
 * looked at all the same.
 */
const WHOLE_MS = 30_000;
const MARK_MS = 1_000;

interface Mark {
  readonly at: number;
  /** The highest id that had its place then. */
  readonly id: number;
}

export class Sequencer {
  private readonly now: () => number;
  /** Oldest first. */
  private marks: readonly Mark[] = [];
  private highest = 0;
  private wholeAt = 0;

  /** now: a clock that only goes forward, ms. */
  constructor(now: () => number) {
    this.now = now;
  }

  /** How many events got their place. */
  async place(sql: Queryable): Promise<number> {
    const now = this.now();
    const settled = this.marks.filter(({ at }) => at <= now - LATE_MS).at(-1);
    const whole = settled === undefined || now >= this.wholeAt;
    const { count, highest } = await placeEvents(sql, whole ? 0 : settled.id);
    if (whole) this.wholeAt = now + WHOLE_MS;
    this.highest = Math.max(this.highest, highest);
    const kept = this.marks.filter((mark) => mark === settled || mark.at > now - LATE_MS);
    const due = now - (kept.at(-1)?.at ?? Number.NEGATIVE_INFINITY) >= MARK_MS;
    this.marks = due ? [...kept, { at: now, id: this.highest }] : kept;
    return count;
  }
}

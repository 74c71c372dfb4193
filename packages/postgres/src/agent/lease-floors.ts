import { LATE_MS } from '../database.ts';

/**
 * From when on an agent's leases must be read to meet all of them. Before that moment lie only rows of
 * jobs that it held once, which stay as long as a transaction somewhere is held open, thousands an
 * hour. Kept in memory, by the database's clock; now and then everything is read all the same.
 */
interface Floor {
  /** ms since 1970. */
  readonly since: number;
  readonly wholeAt: number;
}

/** Of all that an agent holds: when each was granted, when that was read, and whether from the beginning. */
export interface Held {
  readonly grantedMs: readonly number[];
  readonly databaseMs: number;
  readonly whole: boolean;
}

const WHOLE_MS = 30_000;

export class LeaseFloors {
  private readonly now: () => number;
  private readonly floors = new Map<string, Floor>();
  private newest = Number.NEGATIVE_INFINITY;

  /** now: a clock that only goes forward, ms. */
  constructor(now: () => number) {
    this.now = now;
  }

  /** null: from the beginning. */
  since(agentId: string): Date | null {
    const floor = this.floors.get(agentId);
    return floor && this.now() < floor.wholeAt ? new Date(floor.since) : null;
  }

  /** False: by the database's clock it is earlier than it was, and nothing that was known is of use. */
  holdAt(databaseMs: number): boolean {
    const wentBack = databaseMs < this.newest - LATE_MS / 2;
    if (wentBack) this.floors.clear();
    this.newest = wentBack ? databaseMs : Math.max(this.newest, databaseMs);
    return !wentBack;
  }

  note(agentId: string, { grantedMs, databaseMs, whole }: Held): void {
    const wholeAt = whole ? this.now() + WHOLE_MS : (this.floors.get(agentId)?.wholeAt ?? 0);
    this.floors.set(agentId, { since: Math.floor(Math.min(...grantedMs, databaseMs - LATE_MS)), wholeAt });
  }
}

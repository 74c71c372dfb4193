import type { Side } from '../changes/change.ts';
import { isShared, ROWS, WRITERS_A_RELEASE } from '../release/partition.ts';
import type { Tally } from '../release/tally.ts';

/** What a row may hold: the last acknowledged of whoever writes it; two candidates where two do. */
export interface Candidate {
  /** null: deleted. */
  readonly token: number | null;
  readonly by: Side;
}

export class Expected {
  private readonly rows = new Map<number, Map<number, Candidate>>();

  learn({ written }: Tally): void {
    for (const { writer, rows } of written)
      for (const [id, token] of rows)
        this.put(id, writer, { token, by: writer < WRITERS_A_RELEASE ? 'old' : 'new' });
  }

  ids(): readonly number[] {
    const seeded = Array.from({ length: ROWS }, (_, place) => place + 1);
    return [...seeded, ...[...this.rows.keys()].filter((id) => id > ROWS)];
  }

  /** Seeded by the old release before anything began. */
  candidates(id: number): readonly Candidate[] {
    const known = this.rows.get(id);
    return known ? [...known.values()] : [{ token: id, by: 'old' }];
  }

  private put(id: number, writer: number, candidate: Candidate): void {
    const known = isShared(id) ? this.rows.get(id) : undefined;
    this.rows.set(id, new Map([...(known ?? []), [writer, candidate]]));
  }
}

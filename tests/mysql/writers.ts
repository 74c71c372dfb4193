import type { MysqlPlace } from '@holdfast/migration/mysql/mysql-session.ts';
import mysql from 'mysql2/promise';

/**
 * What an app does to `orders (id, note, amount)` while its table is changed: inserts, updates and deletes whose
 * outcome it remembers. A deadlock is an answer that every app of MySQL must try again; anything else is a failure.
 */
export class Writers {
  readonly failures: string[] = [];
  statements = 0;
  deadlocks = 0;
  /** By id: what was acknowledged last. */
  readonly known = new Map<number, { readonly note: string; readonly amount: number }>();
  private readonly pool: mysql.Pool;
  private readonly loops: Promise<void>[];
  private stopped = false;

  constructor(place: MysqlPlace, { writers, from }: { readonly writers: number; readonly from: number }) {
    const { tls: _, ...account } = place;
    this.pool = mysql.createPool({ ...account, connectionLimit: writers });
    this.loops = Array.from({ length: writers }, (_, index) => this.write(from + index * 1_000_000));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.loops);
    await this.pool.end();
  }

  private async write(first: number): Promise<void> {
    for (let turn = 0; !this.stopped; turn += 1) {
      const id = first + turn;
      const row = { note: `note ${turn} é`, amount: turn };
      await this.tried('INSERT INTO orders (id, note, amount) VALUES (?, ?, ?)', [id, row.note, row.amount]);
      this.known.set(id, row);
      if (turn % 3 === 1) {
        await this.tried('UPDATE orders SET amount = amount + 1000 WHERE id = ?', [id - 1]);
        const before = this.known.get(id - 1);
        if (before) this.known.set(id - 1, { ...before, amount: before.amount + 1_000 });
      }
      if (turn % 5 === 4) {
        await this.tried('DELETE FROM orders WHERE id = ?', [id - 3]);
        this.known.delete(id - 3);
      }
      // Rows that the copy goes over.
      if (turn % 2 === 0)
        await this.tried('UPDATE orders SET amount = amount + 0 WHERE id = ?', [1 + ((turn * 97) % first)]);
    }
  }

  private async tried(text: string, values: readonly (string | number)[]): Promise<void> {
    for (;;) {
      this.statements += 1;
      try {
        await this.pool.query(text, [...values]);
        return;
      } catch (error) {
        const { code = '' } = error as { code?: string };
        if (code === 'ER_LOCK_DEADLOCK') {
          this.deadlocks += 1;
          continue;
        }
        this.failures.push(`${text}: ${(error as Error).message}`);
        return;
      }
    }
  }
}

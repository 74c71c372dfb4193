import type { Queryable, Transactor } from './database.ts';
import { isBusyLock } from './failures.ts';

/**
 * Parts of a table that only grows: made before they are needed, dropped whole when nothing in them
 * is wanted any more. A part that cannot be had within a moment is left for the next sweep: nobody
 * waits behind it.
 */
const LOCK = "SET LOCAL lock_timeout = '500ms'";

export interface NewPart {
  readonly table: string;
  readonly name: string;
  readonly column: string;
  readonly from: string | number;
  /** The first value that is not in it. */
  readonly to: string | number;
}

/**
 * Attached, not created in place: that would lock every reader and writer out, this only whoever has
 * rows that no part was made for, which lie in `<table>_rest`; those that belong here come along.
 * False: they are being read or written now.
 */
export function addPart(database: Transactor, { table, name, column, from, to }: NewPart): Promise<boolean> {
  return unlessBusy(database, async (sql) => {
    await sql.query(
      `CREATE TABLE IF NOT EXISTS ${name} (LIKE ${table} INCLUDING DEFAULTS INCLUDING INDEXES)`,
    );
    await sql.query(
      `WITH moved AS (DELETE FROM ${table}_rest WHERE ${column} >= $1 AND ${column} < $2 RETURNING *) INSERT INTO ${name} SELECT * FROM moved`,
      [from, to],
    );
    await sql.query(`ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM ('${from}') TO ('${to}')`);
  });
}

/** False: somebody reads it now. */
export function dropPart(database: Transactor, name: string): Promise<boolean> {
  return unlessBusy(database, async (sql) => void (await sql.query(`DROP TABLE ${name}`)));
}

async function unlessBusy(database: Transactor, work: (sql: Queryable) => Promise<void>): Promise<boolean> {
  try {
    await database.transaction(async (sql) => {
      await sql.query(LOCK);
      await work(sql);
    });
    return true;
  } catch (error) {
    if (isBusyLock(error)) return false;
    throw error;
  }
}

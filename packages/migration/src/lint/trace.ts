import type { Sql } from '../catalog/read-catalog.ts';
import { readCatalog } from '../catalog/read-catalog.ts';
import { catalogName, LOCK_MODES, type LockMode } from '../effects/effect.ts';
import { effectsOf } from '../effects/effects-of.ts';
import type { Session } from '../execute/session.ts';
import type { Place, Statement } from '../sql/statement.ts';

/**
 * The locks that statements really take: run in one transaction that is rolled back, on a server where
 * that harms nobody. What PostgreSQL refuses in a transaction is named and left out.
 */
export interface Traced {
  readonly place: Place;
  readonly statement: string;
  readonly claimed: readonly TracedLock[];
  /** null: cannot be run in a transaction. */
  readonly seen: readonly TracedLock[] | null;
  readonly agrees: boolean;
}

export interface TracedLock {
  readonly relation: string;
  readonly lock: LockMode;
}

export async function trace(session: Session, statements: readonly Statement[]): Promise<readonly Traced[]> {
  const catalog = await readCatalog(session);
  const traced: Traced[] = [];
  await session
    .transaction({ lockMs: 1_000, statementMs: 60_000 }, async (sql) => {
      for (const statement of statements) {
        const effects = effectsOf(statement, catalog);
        const claimed = effects.on.map(({ relation, lock }) => ({ relation, lock }));
        const seen = effects.outside ? null : await locksOf(sql, statement.text);
        traced.push({
          place: statement.place,
          statement: statement.text,
          claimed,
          seen,
          agrees: seen === null || isSame(claimed, seen),
        });
      }
      throw new RolledBack();
    })
    .catch((error: unknown) => {
      if (!(error instanceof RolledBack)) throw error;
    });
  return traced;
}

class RolledBack extends Error {}

/** Each statement's own: locks of the ones before are held to the end, so a savepoint gives them back. */
async function locksOf(sql: Sql, text: string): Promise<readonly TracedLock[]> {
  const before = await heldLocks(sql);
  await sql.query(text);
  const after = await heldLocks(sql);
  const names = [...new Set(after.map(({ relation }) => relation))];
  return names.flatMap((relation) => {
    const own = after.filter(
      (entry) =>
        entry.relation === relation &&
        !before.some((held) => held.relation === relation && held.lock === entry.lock),
    );
    const strongest = own.sort((a, b) => LOCK_MODES.indexOf(b.lock) - LOCK_MODES.indexOf(a.lock))[0];
    return strongest ? [strongest] : [];
  });
}

/** Tables that were there before the transaction; what it creates nobody else sees. */
async function heldLocks(sql: Sql): Promise<readonly TracedLock[]> {
  const { rows } = await sql.query<{ relation: string; mode: string }>(
    `SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname::text ELSE n.nspname || '.' || c.relname END AS relation, l.mode
     FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE l.pid = pg_backend_pid() AND l.granted AND c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
       AND c.xmin::text <> txid_current()::text`,
  );
  return rows.map(({ relation, mode }) => ({ relation, lock: WORDS[mode] ?? 'ACCESS EXCLUSIVE' }));
}

const WORDS: Readonly<Record<string, LockMode>> = Object.fromEntries(
  LOCK_MODES.map((mode) => [catalogName(mode), mode]),
);

/** Nothing seen is stronger than what was claimed. */
function isSame(claimed: readonly TracedLock[], seen: readonly TracedLock[]): boolean {
  return seen.every(({ relation, lock }) => {
    const said = claimed.find((entry) => entry.relation === relation);
    return (
      lock === 'ACCESS SHARE' ||
      (said !== undefined && LOCK_MODES.indexOf(said.lock) >= LOCK_MODES.indexOf(lock))
    );
  });
}

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
  /** Claimed, and held already since an earlier statement: not shown to be wrong, and not proven. */
  readonly unseen: readonly TracedLock[];
  readonly agrees: boolean;
}

export interface TracedLock {
  readonly relation: string;
  readonly lock: LockMode;
}

export async function trace(session: Session, statements: readonly Statement[]): Promise<readonly Traced[]> {
  const catalog = await readCatalog(session);
  const traced: Traced[] = [];
  const tables = await knownTables(session);
  await session
    .transaction({ lockMs: 1_000, statementMs: 60_000 }, async (sql) => {
      for (const statement of statements) {
        const effects = effectsOf(statement, catalog);
        const claimed = effects.on.map(({ relation, lock }) => ({ relation, lock }));
        const locks = effects.outside ? null : await locksOf(sql, statement.text, tables);
        const held = (claim: TracedLock) =>
          locks?.before.some((lock) => lock.relation === claim.relation && weight(lock) >= weight(claim));
        traced.push({
          place: statement.place,
          statement: statement.text,
          claimed,
          seen: locks?.own ?? null,
          unseen: claimed.filter(held),
          agrees: locks === null || isSame(claimed, locks.own),
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

/** oid → name of the tables that were there before; what is created meanwhile nobody else sees. */
async function knownTables(sql: Sql): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql.query<{ oid: string; name: string }>(
    `SELECT c.oid::text AS oid, CASE WHEN pg_table_is_visible(c.oid) THEN c.relname::text ELSE n.nspname || '.' || c.relname END AS name
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema')`,
  );
  return new Map(rows.map(({ oid, name }) => [oid, name]));
}

interface Locks {
  /** The strongest that this statement took of each table. */
  readonly own: readonly TracedLock[];
  /** What statements before it hold to the end of the transaction: taken again it cannot be seen. */
  readonly before: readonly TracedLock[];
}

async function locksOf(sql: Sql, text: string, tables: ReadonlyMap<string, string>): Promise<Locks> {
  const before = await heldLocks(sql, tables);
  await sql.query(text);
  const after = await heldLocks(sql, tables);
  const own = after.filter(
    (entry) => !before.some((held) => held.relation === entry.relation && held.lock === entry.lock),
  );
  return { own: strongest(own), before: strongest(before) };
}

function strongest(locks: readonly TracedLock[]): readonly TracedLock[] {
  const byTable = Map.groupBy(locks, ({ relation }) => relation);
  return [...byTable.values()].map((own) =>
    own.reduce((one, other) => (weight(other) > weight(one) ? other : one)),
  );
}

function weight({ lock }: TracedLock): number {
  return LOCK_MODES.indexOf(lock);
}

async function heldLocks(sql: Sql, tables: ReadonlyMap<string, string>): Promise<readonly TracedLock[]> {
  const { rows } = await sql.query<{ oid: string; mode: string }>(
    'SELECT relation::text AS oid, mode FROM pg_locks WHERE pid = pg_backend_pid() AND granted AND relation IS NOT NULL',
  );
  return rows.flatMap(({ oid, mode }) => {
    const relation = tables.get(oid);
    return relation === undefined ? [] : [{ relation, lock: WORDS[mode] ?? 'ACCESS EXCLUSIVE' }];
  });
}

const WORDS: Readonly<Record<string, LockMode>> = Object.fromEntries(
  LOCK_MODES.map((mode) => [catalogName(mode), mode]),
);

/** Nothing seen is stronger than what was claimed. */
function isSame(claimed: readonly TracedLock[], seen: readonly TracedLock[]): boolean {
  return seen.every(({ relation, lock }) => {
    const said = claimed.find((entry) => entry.relation === relation);
    return lock === 'ACCESS SHARE' || (said !== undefined && weight(said) >= LOCK_MODES.indexOf(lock));
  });
}

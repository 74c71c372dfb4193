import { formatDuration } from '@holdfast/core/kernel/quantity.ts';
import type { Sql } from '../catalog/read-catalog.ts';
import { catalogName, LOCK_MODES, type LockMode } from '../effects/effect.ts';
import { quoteRelation } from '../sql/names.ts';
import type { WantedLock } from './tables-of.ts';

/**
 * Who stands in the way of a lock. Asked before it is queued for: whoever comes after a waiting ALTER
 * waits with it, so it is not queued behind a transaction that is open for long, nor behind
 * autovacuum, which gives way only after deadlock_timeout, longer than we ever wait.
 */
export const PATIENCE_MS = 1_000;

/** Of those in the way the first that is open for longer than that, or is autovacuum; null: nobody. */
export async function blockersOf(
  sql: Sql,
  wanted: readonly WantedLock[],
  longerThanMs: number,
): Promise<string | null> {
  for (const { relation, lock } of wanted) {
    const holder = await oldestHolder(sql, relation, CONFLICTS[lock]);
    if (!holder) continue;
    if (holder.vacuums) return `autovacuum works on ${relation}`;
    if (holder.age_ms > longerThanMs) return sentenceOf(holder, relation);
  }
  return null;
}

interface Holder {
  readonly pid: number;
  readonly name: string;
  readonly state: string | null;
  readonly age_ms: number;
  readonly vacuums: boolean;
}

async function oldestHolder(sql: Sql, relation: string, modes: readonly string[]): Promise<Holder | null> {
  const { rows } = await sql.query<Holder>(
    `SELECT a.pid, coalesce(nullif(a.application_name, ''), a.usename, 'somebody') AS name, a.state, a.backend_type = 'autovacuum worker' AS vacuums,
            (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::float8 AS age_ms
     FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'relation' AND l.granted AND l.relation = to_regclass($1) AND l.mode = ANY ($2)
       AND l.pid <> pg_backend_pid() AND a.xact_start IS NOT NULL
     ORDER BY vacuums DESC, a.xact_start LIMIT 1`,
    [quoteRelation(relation), modes],
  );
  return rows[0] ?? null;
}

function sentenceOf({ name, pid, state, age_ms: age }: Holder, relation: string): string {
  return `${name} (pid ${pid}, ${state ?? 'hidden'}) has ${relation} in a transaction that is open for ${formatDuration(age)}`;
}

const ALL = LOCK_MODES.map(catalogName);

/** Conflicting modes: table 13.2 of the manual. */
const CONFLICTS: Readonly<Record<LockMode, readonly string[]>> = {
  'ACCESS SHARE': ALL.slice(7),
  'ROW SHARE': ALL.slice(6),
  'ROW EXCLUSIVE': ALL.slice(4),
  'SHARE UPDATE EXCLUSIVE': ALL.slice(3),
  SHARE: ALL.filter((mode) => mode !== 'ShareLock').slice(2),
  'SHARE ROW EXCLUSIVE': ALL.slice(2),
  EXCLUSIVE: ALL.slice(1),
  'ACCESS EXCLUSIVE': ALL,
};

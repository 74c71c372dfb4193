import type { Signal } from '@holdfast/core/migration/throttle.ts';
import type { Sql } from '../catalog/read-catalog.ts';
import { quoteRelation } from '../sql/names.ts';

/**
 * How the user's database is doing, in one look. A standby that is idle has no lag to tell (NULL), and
 * an equal position counts as none. What this role may not see is left out.
 */
export async function readSignals(
  sql: Sql,
  { table, userQuery }: { readonly table: string | null; readonly userQuery: string | null },
): Promise<readonly Signal[]> {
  const { rows } = await sql.query<Record<string, number | null>>(LOOK, [
    table === null ? null : quoteRelation(table),
  ]);
  const { mayMonitor, ...seen } = rows[0] ?? {};
  const archiveBacklog = mayMonitor ? await ask(sql, ARCHIVE) : null;
  const own = userQuery === null ? null : await ask(sql, userQuery);
  return Object.entries({ ...seen, archiveBacklog, userQuery: own }).flatMap(([name, value]) =>
    value === null ? [] : [{ name: name as Signal['name'], value: Number(value) }],
  );
}

/** Named in a statement at all it needs the right, so it is asked apart. */
const ARCHIVE = "SELECT count(*)::float8 FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'";

/** The user's own query: its first column of its first row, above 0 means wait. */
async function ask(sql: Sql, query: string): Promise<number> {
  const { rows } = await sql.query<Record<string, unknown>>(query);
  const value = Number(Object.values(rows[0] ?? {})[0] ?? 0);
  return Number.isFinite(value) ? value : 0;
}

/**
 * A small table that is written often is mostly dead rows between two vacuums, and that costs nobody anything.
 * A server that crashed, or was a standby, counts rows from nothing: there the last ANALYZE knows how many live.
 */
const FEW_DEAD_ROWS = 100_000;

const LOOK = `
SELECT
  (SELECT max(CASE WHEN replay_lsn = pg_current_wal_lsn() THEN 0 ELSE extract(epoch FROM coalesce(replay_lag, interval '0')) * 1000 END)::float8
     FROM pg_stat_replication WHERE state = 'streaming') AS "replicaLagMs",
  (SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))::float8 FROM pg_stat_replication WHERE state = 'streaming') AS "replicaLagBytes",
  (SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))::float8 FROM pg_replication_slots WHERE restart_lsn IS NOT NULL) AS "slotBytes",
  (SELECT max(extract(epoch FROM clock_timestamp() - xact_start) * 1000)::float8 FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND backend_type = 'client backend') AS "oldestTransactionMs",
  (SELECT count(*)::float8 FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND l.relation = to_regclass($1)
     WHERE a.backend_type = 'autovacuum worker') AS "vacuumRunning",
  (SELECT CASE WHEN n_dead_tup < ${FEW_DEAD_ROWS} THEN 0 ELSE n_dead_tup / (greatest(n_live_tup, reltuples) + n_dead_tup) END
     FROM (SELECT n_dead_tup::float8, n_live_tup::float8, reltuples::float8 FROM pg_stat_all_tables s JOIN pg_class c ON c.oid = s.relid WHERE s.relid = to_regclass($1)) s) AS "deadTuples",
  (SELECT count(*)::float8 FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()) AS "activeBackends",
  (SELECT pg_database_size(current_database())::float8) AS "databaseBytes",
  (SELECT count(*)::float8 FROM pg_stat_activity a WHERE a.wait_event_type = 'Lock' AND pg_backend_pid() = ANY (pg_blocking_pids(a.pid))) AS "waitingForLock",
  (SELECT CASE WHEN pg_has_role('pg_monitor', 'usage') THEN 1 ELSE 0 END) AS "mayMonitor"`;

import { formatDuration } from '@holdfast/core/kernel/quantity.ts';
import type { Sql } from '../catalog/read-catalog.ts';

/** Who holds locks on these tables, the oldest first: what a person needs when a lock is not to be had. */
export async function blockersOf(sql: Sql, tables: readonly string[]): Promise<string | null> {
  if (tables.length === 0) return null;
  const { rows } = await sql.query<Blocker>(
    `SELECT a.pid, coalesce(nullif(a.application_name, ''), a.usename, 'somebody') AS name, a.state,
            (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::float8 AS age_ms
     FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'relation' AND l.granted AND l.relation = ANY (SELECT to_regclass(name)::oid FROM unnest($1::text[]) name)
       AND l.pid <> pg_backend_pid() AND a.xact_start IS NOT NULL
     ORDER BY a.xact_start LIMIT 1`,
    [tables],
  );
  const [oldest] = rows;
  if (!oldest) return null;
  return `${oldest.name} (pid ${oldest.pid}, ${oldest.state ?? 'hidden'}) has ${tables.join(', ')} in a transaction that is open for ${formatDuration(oldest.age_ms)}`;
}

interface Blocker {
  readonly pid: number;
  readonly name: string;
  readonly state: string | null;
  readonly age_ms: number;
}

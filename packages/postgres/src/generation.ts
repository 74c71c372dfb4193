import type { Queryable } from './database.ts';

/**
 * The generation is bound to (system identifier, timeline). When the database is another one than
 * the row says (a failover that lost commits, a restore), the first controller to see it takes
 * over by compare-and-swap before anything else is written (protocol §3). So it does when the row is
 * behind what it knows itself: a database that fell back on the same timeline has forgotten.
 */
/**
 * Of the WAL that is being written now: pg_control_checkpoint() names the old timeline until the first
 * checkpoint after a promotion, which may be minutes later.
 */
export const TIMELINE = `('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int`;

export async function takeGeneration(sql: Queryable, known = 0): Promise<number> {
  const identity = await sql.query<{ system: string; timeline: number }>(
    `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system,
            ${TIMELINE} AS timeline`,
  );
  const { system, timeline } = identity.rows[0] as { system: string; timeline: number };
  const taken = await sql.query<{ generation: number }>(
    `INSERT INTO generation (generation, system_identifier, timeline) VALUES (1, $1, $2)
     ON CONFLICT (only_row) DO UPDATE
       SET generation = greatest(generation.generation, $3) + 1, system_identifier = $1, timeline = $2
       WHERE generation.system_identifier <> $1 OR generation.timeline <> $2 OR generation.generation < $3
     RETURNING generation`,
    [system, timeline, known],
  );
  if (taken.rows[0]) return taken.rows[0].generation;
  const held = await sql.query<{ generation: number }>('SELECT generation FROM generation');
  return held.rows[0]?.generation ?? 1;
}

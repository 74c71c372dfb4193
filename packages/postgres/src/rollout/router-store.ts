import type { GroupCounts, Sync } from '@holdfast/contract/router/protocol.ts';
import type { RouterWorker } from '@holdfast/core/traffic/traffic.ts';
import type { Queryable } from '../database.ts';

interface WorkerRow {
  readonly id: string;
  readonly router_id: string;
  readonly generation: number;
  readonly revision: number;
  readonly in_flight: { readonly [instance: string]: number };
  readonly silence_ms: number;
}

/** A worker's acknowledgement; a lower version than it gave before is ignored. Says whether it moved. */
export async function noteWorker(sql: Queryable, sync: Sync): Promise<boolean> {
  if (sync.bye) {
    await sql.query('DELETE FROM router_worker WHERE id = $1', [sync.workerId]);
    return true;
  }
  if (sync.gone.length > 0)
    await sql.query('DELETE FROM router_worker WHERE router_id = $1 AND id = ANY ($2)', [
      sync.routerId,
      sync.gone,
    ]);
  const before = await sql.query<{ revision: number; busy: boolean }>(
    `SELECT revision, in_flight <> '{}' AS busy FROM router_worker WHERE id = $1`,
    [sync.workerId],
  );
  await sql.query(
    `INSERT INTO router_worker (id, router_id, environment, generation, revision, in_flight) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (id) DO UPDATE SET generation = $4, revision = $5, in_flight = $6, seen_at = clock_timestamp()
       WHERE (router_worker.generation, router_worker.revision) <= ($4, $5)`,
    [
      sync.workerId,
      sync.routerId,
      sync.environment,
      sync.acknowledged.generation,
      sync.acknowledged.revision,
      JSON.stringify(sync.inFlight),
    ],
  );
  return (
    sync.gone.length > 0 ||
    before.rows[0]?.revision !== sync.acknowledged.revision ||
    (before.rows[0]?.busy ?? false)
  );
}

export async function workersOf(sql: Queryable, environment: string): Promise<readonly RouterWorker[]> {
  const found = await sql.query<WorkerRow>(
    `SELECT id, router_id, generation, revision, in_flight, (extract(epoch FROM clock_timestamp() - seen_at) * 1000)::float8 AS silence_ms
     FROM router_worker WHERE environment = $1 ORDER BY id`,
    [environment],
  );
  return found.rows.map((row) => ({
    id: row.id,
    router: row.router_id,
    acknowledged: { generation: row.generation, revision: row.revision },
    inFlight: row.in_flight,
    silenceMs: row.silence_ms,
  }));
}

export async function forgetWorker(sql: Queryable, id: string): Promise<void> {
  await sql.query('DELETE FROM router_worker WHERE id = $1', [id]);
}

/** Closed seconds of one worker; sent twice, kept once. */
export async function keepIntervals(sql: Queryable, sync: Sync): Promise<void> {
  if (sync.intervals.length === 0) return;
  await sql.query(
    `INSERT INTO traffic_interval (environment, worker_id, second, counts)
     SELECT $1, $2, second, counts FROM unnest($3::bigint[], $4::jsonb[]) AS given (second, counts) ON CONFLICT DO NOTHING`,
    [
      sync.environment,
      sync.workerId,
      sync.intervals.map((entry) => entry.second),
      sync.intervals.map((entry) => JSON.stringify(entry.groups)),
    ],
  );
}

export interface IntervalRow {
  readonly second: number;
  readonly counts: readonly GroupCounts[];
}

/**
 * Takes what no judgement has counted yet. Marked in the transaction that adds it to the evidence,
 * so that a crash neither loses nor repeats a second.
 */
export async function takeUnjudged(sql: Queryable, environment: string): Promise<readonly IntervalRow[]> {
  const taken = await sql.query<IntervalRow>(
    'UPDATE traffic_interval SET judged = true WHERE environment = $1 AND NOT judged RETURNING second, counts',
    [environment],
  );
  return [...taken.rows].sort((a, b) => a.second - b.second);
}

export async function intervalsBetween(
  sql: Queryable,
  environment: string,
  from: number,
  to: number,
): Promise<readonly IntervalRow[]> {
  const found = await sql.query<IntervalRow>(
    'SELECT second, counts FROM traffic_interval WHERE environment = $1 AND second >= $2 AND second <= $3 ORDER BY second',
    [environment, from, to],
  );
  return found.rows;
}

/** The mean of the last whole minute; null: nothing was measured. */
export async function requestsPerSecond(sql: Queryable, environment: string): Promise<number | null> {
  const found = await sql.query<{ mean: number | null }>(
    `SELECT sum((entry->>'requests')::int)::float8 / nullif(count(DISTINCT second), 0) AS mean
     FROM traffic_interval, jsonb_array_elements(counts) AS entry
     WHERE environment = $1 AND second >= extract(epoch FROM clock_timestamp()) - 62 AND second < extract(epoch FROM clock_timestamp()) - 2`,
    [environment],
  );
  return found.rows[0]?.mean ?? null;
}

export async function forgetOldIntervals(sql: Queryable): Promise<void> {
  await sql.query(
    `DELETE FROM traffic_interval WHERE second < extract(epoch FROM clock_timestamp()) - 86400 * 3`,
  );
}

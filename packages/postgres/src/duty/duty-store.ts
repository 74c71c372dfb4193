import type { Queryable } from '../database.ts';

/**
 * A duty is a row somebody leases. The epoch is its fence: whoever took the duty over has a higher
 * one, and the slower holder's save finds no row.
 */
export interface Duty {
  readonly kind: string;
  readonly id: string;
  readonly epoch: number;
  readonly failures: number;
  /** How often in a row its holder never came back, and another one took it. */
  readonly deaths: number;
}

export async function ensureDuty(sql: Queryable, kind: string, id: string): Promise<void> {
  await sql.query('INSERT INTO duty (kind, id) VALUES ($1, $2) ON CONFLICT (kind, id) DO NOTHING', [
    kind,
    id,
  ]);
}

export async function dropDuty(sql: Queryable, kind: string, id: string): Promise<void> {
  await sql.query('DELETE FROM duty WHERE kind = $1 AND id = $2', [kind, id]);
}

/** Makes a duty due now; only a hint, the scan would find it anyway. */
export async function hastenDuty(sql: Queryable, kind: string, id: string): Promise<void> {
  // SKIP LOCKED: whoever holds the duty is looking right now, and waiting for it could deadlock.
  await sql.query(
    `UPDATE duty SET due_at = least(due_at, clock_timestamp()) WHERE (kind, id) IN (
       SELECT kind, id FROM duty WHERE kind = $1 AND id = $2 FOR UPDATE SKIP LOCKED)`,
    [kind, id],
  );
}

/** A person asked: what was parked is tried again. */
export async function reviveDuty(sql: Queryable, kind: string, id: string): Promise<void> {
  await sql.query(
    'UPDATE duty SET parked = NULL, failures = 0 WHERE kind = $1 AND id = $2 AND parked IS NOT NULL',
    [kind, id],
  );
}

/** Runs are decided without a duty; one that cannot be has a row here for as long as it is parked. */
export const RUN = 'run';

export async function parkDuty(
  sql: Queryable,
  kind: string,
  { id, reason }: { readonly id: string; readonly reason: string },
): Promise<void> {
  await sql.query(
    'INSERT INTO duty (kind, id, parked) VALUES ($1, $2, $3) ON CONFLICT (kind, id) DO UPDATE SET parked = excluded.parked',
    [kind, id, reason],
  );
}

/**
 * A controller starts, maybe of a version that knows better: everything parked is tried again; what may have ended
 * the one before not at once, or they would start and end for ever.
 */
export async function reviveDuties(sql: Queryable): Promise<void> {
  await sql.query('DELETE FROM duty WHERE kind = $1', [RUN]);
  await sql.query(
    `UPDATE duty SET parked = NULL, failures = 0
     WHERE parked <> $1 OR (parked = $1 AND written_at < clock_timestamp() - interval '1 hour')`,
    [DEADLY],
  );
}

/** Why a duty is parked that nobody who took it came back from. */
export const DEADLY = 'the controllers that worked on it died, one after the other';

export async function renewDuty(sql: Queryable, duty: Duty, leaseMs: number): Promise<void> {
  await sql.query(
    `UPDATE duty SET leased_until = clock_timestamp() + $4 * interval '1 millisecond', written_at = clock_timestamp() WHERE kind = $1 AND id = $2 AND epoch = $3
       AND leased_until IS NOT NULL`,
    [duty.kind, duty.id, duty.epoch, leaseMs],
  );
}

/** Times in such a row are of no use: they would keep everybody waiting until the clock is there again. */
const CLOCK_WENT_BACK = `written_at > clock_timestamp() + interval '1 second'`;

/** Of each kind at most as many as there is room for: those of one that hangs leave the others theirs. */
export async function claimDuties(
  sql: Queryable,
  holder: string,
  options: { readonly room: ReadonlyMap<string, number>; readonly leaseMs: number },
): Promise<readonly Duty[]> {
  const claimed = await sql.query<Duty>(
    `UPDATE duty SET holder = $1, epoch = epoch + 1, leased_until = clock_timestamp() + $4 * interval '1 millisecond',
       deaths = deaths + CASE WHEN leased_until <= clock_timestamp() AND holder IS DISTINCT FROM $1 THEN 1 ELSE 0 END, written_at = clock_timestamp()
     WHERE (kind, id) IN (
       SELECT due.kind, due.id FROM unnest($2::text[], $3::int[]) AS room(kind, places) CROSS JOIN LATERAL (
         SELECT kind, id FROM duty
         WHERE duty.kind = room.kind AND parked IS NULL
           AND ((due_at <= clock_timestamp() AND (leased_until IS NULL OR leased_until <= clock_timestamp()))
             OR ${CLOCK_WENT_BACK})
         ORDER BY due_at LIMIT room.places FOR UPDATE SKIP LOCKED) AS due)
     RETURNING kind, id, epoch, failures, deaths`,
    [holder, [...options.room.keys()], [...options.room.values()], options.leaseMs],
  );
  return claimed.rows;
}

/** Locks the duty for the rest of the transaction; false when somebody else has taken it over. */
export async function holdDuty(sql: Queryable, duty: Duty): Promise<boolean> {
  const held = await sql.query('SELECT 1 FROM duty WHERE kind = $1 AND id = $2 AND epoch = $3 FOR UPDATE', [
    duty.kind,
    duty.id,
    duty.epoch,
  ]);
  return held.rowCount === 1;
}

export async function releaseDuty(sql: Queryable, duty: Duty, dueInMs: number): Promise<void> {
  await sql.query(
    `UPDATE duty SET holder = NULL, leased_until = NULL, failures = 0, deaths = 0, written_at = clock_timestamp(),
       due_at = clock_timestamp() + $4 * interval '1 millisecond'
     WHERE kind = $1 AND id = $2 AND epoch = $3`,
    [duty.kind, duty.id, duty.epoch, dueInMs],
  );
}

export async function failDuty(
  sql: Queryable,
  duty: Duty,
  failure: { readonly dueInMs: number; readonly parked: string | null },
): Promise<void> {
  await sql.query(
    `UPDATE duty SET holder = NULL, leased_until = NULL, failures = failures + 1, deaths = 0, parked = $5, written_at = clock_timestamp(),
            due_at = clock_timestamp() + $4 * interval '1 millisecond'
     WHERE kind = $1 AND id = $2 AND epoch = $3`,
    [duty.kind, duty.id, duty.epoch, failure.dueInMs, failure.parked],
  );
}

export async function countParked(sql: Queryable): Promise<number> {
  const found = await sql.query<{ parked: number }>(
    'SELECT count(*)::int AS parked FROM duty WHERE parked IS NOT NULL',
  );
  return found.rows[0]?.parked ?? 0;
}

export async function parkedDuties(
  sql: Queryable,
): Promise<readonly { readonly kind: string; readonly id: string; readonly parked: string }[]> {
  const found = await sql.query<{ kind: string; id: string; parked: string }>(
    'SELECT kind, id, parked FROM duty WHERE parked IS NOT NULL ORDER BY kind, id',
  );
  return found.rows;
}

export async function parkedReason(sql: Queryable, kind: string, id: string): Promise<string | null> {
  const found = await sql.query<{ parked: string | null }>(
    'SELECT parked FROM duty WHERE kind = $1 AND id = $2',
    [kind, id],
  );
  return found.rows[0]?.parked ?? null;
}

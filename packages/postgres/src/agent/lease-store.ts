import type { Queryable } from '../database.ts';
import type { JobRow } from '../run/run-store.ts';

/**
 * Leases of jobs. A lease is the pair (agent, epoch) in the job's row; every write to leased state
 * names the epoch. A grant that is not acknowledged in time is taken back.
 */
export interface Claimant {
  readonly id: string;
  readonly labels: readonly string[];
  readonly slots: number;
  /** Hosts of releases stand back a moment, so that jobs go to agents that do nothing else. */
  readonly standBackMs: number;
}

/** As core/pipeline/labels.ts, said in SQL, so that jobs nobody can run hide no others. */
const FITS = `NOT EXISTS (
  SELECT 1 FROM unnest(labels) AS wanted (label)
  WHERE NOT (lower(label) = ANY ($1::text[]) OR (lower(label) LIKE 'ubuntu-%' AND 'linux' = ANY ($1::text[]))))`;

export async function claimJobs(sql: Queryable, claimant: Claimant): Promise<readonly JobRow[]> {
  if (claimant.slots <= 0) return [];
  const claimed = await sql.query<JobRow>(
    `UPDATE job SET agent_id = $2, epoch = epoch + 1, granted_at = clock_timestamp(), acknowledged_at = NULL
     WHERE id IN (
       SELECT id FROM job WHERE state = 'queued' AND agent_id IS NULL AND ended_at IS NULL AND lane = 'agent' AND NOT cancel
         AND queued_at <= clock_timestamp() - $3 * interval '1 millisecond' AND ${FITS}
       ORDER BY queued_at LIMIT $4 FOR UPDATE SKIP LOCKED)
     RETURNING *`,
    [claimant.labels, claimant.id, claimant.standBackMs, claimant.slots],
  );
  return claimed.rows;
}

export async function leasesOf(sql: Queryable, agentId: string): Promise<readonly JobRow[]> {
  return (
    await sql.query<JobRow>('SELECT * FROM job WHERE agent_id = $1 AND ended_at IS NULL ORDER BY id', [
      agentId,
    ])
  ).rows;
}

/** Whoever changes a run and its jobs locks the run first. */
export async function lockRunOfJob(sql: Queryable, jobId: string): Promise<void> {
  await sql.query('SELECT 1 FROM run WHERE id = (SELECT run_id FROM job WHERE id = $1) FOR UPDATE', [jobId]);
}

/** Locks the job if this agent still holds it with this epoch; null when it was fenced off. */
export async function heldJob(
  sql: Queryable,
  lease: { readonly jobId: string; readonly agentId: string; readonly epoch: number },
): Promise<JobRow | null> {
  const held = await sql.query<JobRow>(
    'SELECT * FROM job WHERE id = $1 AND agent_id = $2 AND epoch = $3 AND ended_at IS NULL FOR UPDATE',
    [lease.jobId, lease.agentId, lease.epoch],
  );
  return held.rows[0] ?? null;
}

export async function acknowledgeLease(sql: Queryable, jobId: string): Promise<void> {
  await sql.query(
    'UPDATE job SET acknowledged_at = coalesce(acknowledged_at, clock_timestamp()) WHERE id = $1',
    [jobId],
  );
}

export async function advanceResume(
  sql: Queryable,
  jobId: string,
  progress: {
    readonly index: number;
    readonly checkpoint: string | null;
    readonly notPortable: string | null;
  },
): Promise<void> {
  await sql.query(
    `UPDATE job SET not_portable = coalesce($4, not_portable),
       resume_index = CASE WHEN $3::text IS NOT NULL THEN $2 ELSE resume_index END,
       checkpoint = coalesce($3, checkpoint)
     WHERE id = $1`,
    [jobId, progress.index, progress.checkpoint, progress.notPortable],
  );
}

/**
 * Puts a job back into the queue, if it is still held as it was seen. Its infrastructure losses are
 * counted apart from the user's retries.
 */
export async function requeueJob(
  sql: Queryable,
  seen: Pick<JobRow, 'id' | 'epoch'>,
  change: { readonly lost: boolean; readonly fromStart: boolean },
): Promise<boolean> {
  const done = await sql.query(
    `UPDATE job SET agent_id = NULL, granted_at = NULL, acknowledged_at = NULL, state = 'queued', queued_at = clock_timestamp(),
       epoch = epoch + 1, losses = losses + $2,
       resume_index = CASE WHEN $3 THEN 0 ELSE resume_index END, checkpoint = CASE WHEN $3 THEN NULL ELSE checkpoint END,
       not_portable = CASE WHEN $3 THEN NULL ELSE not_portable END
     WHERE id = $1 AND epoch = $4 AND ended_at IS NULL`,
    [seen.id, change.lost ? 1 : 0, change.fromStart, seen.epoch],
  );
  return done.rowCount === 1;
}

/** Granted, never acknowledged. The agent may not even know of it. */
export async function overdueGrants(sql: Queryable, afterMs: number): Promise<readonly JobRow[]> {
  const found = await sql.query<JobRow>(
    `SELECT * FROM job WHERE agent_id IS NOT NULL AND acknowledged_at IS NULL AND ended_at IS NULL
       AND granted_at < clock_timestamp() - $1 * interval '1 millisecond' FOR UPDATE SKIP LOCKED`,
    [afterMs],
  );
  return found.rows;
}

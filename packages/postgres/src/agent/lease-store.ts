import type { GiveBack, HeldJob, LeaseKey } from '@holdfast/core/pipeline/ports.ts';
import type { Queryable } from '../database.ts';
import { attemptsOfJob, finishedSteps, loseAttempts } from '../run/attempt-store.ts';
import { definitionOf, type JobRow } from '../run/run-store.ts';

/**
 * Leases of jobs. A lease is the pair (agent, epoch) in the job's row; every write to leased state
 * names the epoch. A grant that is not acknowledged in time is taken back.
 */
const LIVE = 'agent_id IS NOT NULL AND ended_at IS NULL AND reported IS NULL';

export async function leasesOf(sql: Queryable, agentId: string): Promise<readonly LeaseKey[]> {
  const found = await sql.query<{ id: string; epoch: number }>(
    `SELECT id, epoch FROM job WHERE agent_id = $1 AND ${LIVE} ORDER BY run_id, id`,
    [agentId],
  );
  return found.rows.map((row) => ({ jobId: row.id, epoch: row.epoch }));
}

/** Whoever changes a run and its jobs locks the run first. */
export async function lockRunOfJob(sql: Queryable, jobId: string): Promise<void> {
  await sql.query('SELECT 1 FROM run WHERE id = (SELECT run_id FROM job WHERE id = $1) FOR UPDATE', [jobId]);
}

/** Locks the job if this agent still holds it with this epoch; null when it was fenced off. */
export async function jobHeldBy(
  sql: Queryable,
  lease: { readonly jobId: string; readonly agentId: string; readonly epoch: number },
): Promise<JobRow | null> {
  const held = await sql.query<JobRow>(
    `SELECT * FROM job WHERE id = $1 AND agent_id = $2 AND epoch = $3 AND ${LIVE} FOR UPDATE`,
    [lease.jobId, lease.agentId, lease.epoch],
  );
  return held.rows[0] ?? null;
}

/** The run and the job locked, with what a decision about its loss needs; null: held otherwise by now. */
export async function heldJob(sql: Queryable, seen: LeaseKey): Promise<HeldJob | null> {
  await lockRunOfJob(sql, seen.jobId);
  const found = await sql.query<JobRow>(
    `SELECT * FROM job WHERE id = $1 AND epoch = $2 AND ${LIVE} FOR UPDATE`,
    [seen.jobId, seen.epoch],
  );
  const job = found.rows[0];
  if (!job) return null;
  const attempts = await attemptsOfJob(sql, job.id);
  const running = attempts.filter((attempt) => attempt.ended_at === null);
  return {
    ...seen,
    runId: job.run_id,
    lost: {
      definition: await definitionOf(sql, job),
      cancelled: job.cancel,
      losses: job.losses,
      finished: finishedSteps(attempts, job),
      inFlight: running.at(-1)?.step_index ?? null,
    },
  };
}

/** Back into the queue, or to the person who must answer first. */
export async function giveBack(sql: Queryable, seen: LeaseKey, change: GiveBack): Promise<void> {
  const given = await sql.query(
    `UPDATE job SET agent_id = NULL, granted_at = NULL, acknowledged_at = NULL, epoch = epoch + 1, losses = losses + $3,
       state = CASE WHEN $4::text IS NULL THEN 'queued' ELSE 'waiting' END, asks = $4, queued_at = clock_timestamp(),
       resume_index = $5, checkpoint = $6
     WHERE id = $1 AND epoch = $2 AND ${LIVE}`,
    [seen.jobId, seen.epoch, change.lost ? 1 : 0, change.ask, change.from, change.checkpoint],
  );
  if (given.rowCount !== 1) return;
  await loseAttempts(sql, seen.jobId, change.reason);
  await sql.query(
    `UPDATE attempt SET counted = false, reason = coalesce(reason || '; ', '') || 'ran again: ' || $3
     WHERE job_id = $1 AND step_index >= $2 AND counted`,
    [seen.jobId, change.from, change.reason],
  );
}

/** Granted, never acknowledged. The agent may not even know of it. */
export async function overdueGrants(sql: Queryable, afterMs: number): Promise<readonly LeaseKey[]> {
  const found = await sql.query<{ id: string; epoch: number }>(
    `SELECT id, epoch FROM job WHERE agent_id IS NOT NULL AND acknowledged_at IS NULL AND ended_at IS NULL
       AND granted_at < clock_timestamp() - $1 * interval '1 millisecond' ORDER BY id LIMIT 100`,
    [afterMs],
  );
  return found.rows.map((row) => ({ jobId: row.id, epoch: row.epoch }));
}

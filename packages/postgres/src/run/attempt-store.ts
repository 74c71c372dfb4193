import type { JsonObject } from '@holdfast/core/kernel/json.ts';
import type { Queryable } from '../database.ts';

/** Attempts of steps: kept for ever, counted once. */
export interface AttemptRow {
  readonly id: string;
  readonly job_id: string;
  readonly step_index: number;
  readonly number: number;
  readonly name: string;
  readonly agent_id: string | null;
  readonly epoch: number;
  readonly state: string;
  readonly counted: boolean;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly reason: string | null;
  readonly outputs: JsonObject;
  readonly annotations: readonly { level: string; message: string; place: string | null }[];
  readonly summary: string | null;
  readonly started_at: Date;
  readonly ended_at: Date | null;
}

export interface StartedAttempt {
  readonly id: string;
  readonly jobId: string;
  readonly index: number;
  readonly name: string;
  readonly agentId: string | null;
  readonly epoch: number;
}

export async function startAttempt(sql: Queryable, attempt: StartedAttempt): Promise<void> {
  await sql.query(
    `INSERT INTO attempt (id, job_id, step_index, number, name, agent_id, epoch, state)
     SELECT $1, $2, $3, 1 + coalesce(max(number), 0), $4, $5, $6, 'running' FROM attempt WHERE job_id = $2 AND step_index = $3
     ON CONFLICT (id) DO NOTHING`,
    [attempt.id, attempt.jobId, attempt.index, attempt.name, attempt.agentId, attempt.epoch],
  );
}

export interface EndedAttempt {
  readonly id: string;
  readonly state: string;
  readonly counted: boolean;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly reason: string | null;
  readonly outputs: JsonObject;
  readonly annotations: unknown;
  readonly summary: string | null;
}

export async function endAttempt(sql: Queryable, attempt: EndedAttempt): Promise<void> {
  await sql.query(
    `UPDATE attempt SET state = $2, counted = $3, exit_code = $4, signal = $5, reason = $6, outputs = $7, annotations = $8, summary = $9, ended_at = clock_timestamp()
     WHERE id = $1 AND ended_at IS NULL`,
    [
      attempt.id,
      attempt.state,
      attempt.counted,
      attempt.exitCode,
      attempt.signal,
      attempt.reason,
      JSON.stringify(attempt.outputs),
      JSON.stringify(attempt.annotations),
      attempt.summary,
    ],
  );
}

/** Every attempt that still ran when its job's lease was lost. */
export async function loseAttempts(sql: Queryable, jobId: string, reason: string): Promise<void> {
  await sql.query(
    `UPDATE attempt SET state = 'lost', reason = $2, ended_at = clock_timestamp() WHERE job_id = $1 AND ended_at IS NULL`,
    [jobId, reason],
  );
}

export async function attemptsOf(
  sql: Queryable,
  runId: string,
): Promise<readonly (AttemptRow & { agent: string | null })[]> {
  const found = await sql.query<AttemptRow & { agent: string | null }>(
    `SELECT attempt.*, agent.name AS agent FROM attempt JOIN job ON job.id = attempt.job_id
     LEFT JOIN agent ON agent.id = attempt.agent_id
     WHERE job.run_id = $1 ORDER BY attempt.job_id, attempt.step_index, attempt.number`,
    [runId],
  );
  return found.rows;
}

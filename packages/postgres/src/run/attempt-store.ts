import type { JsonObject } from '@holdfast/core/kernel/json.ts';
import type { FinishedStep } from '@holdfast/core/pipeline/loss.ts';
import type { Queryable } from '../database.ts';

/** Attempts of steps: kept for ever, counted once by a constraint of the table. */
export interface AttemptRow {
  readonly id: string;
  readonly job_id: string;
  readonly step_index: number;
  /** From 1, in the order in which the attempts of the step began. */
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
  readonly checkpoint: string | null;
  readonly not_portable: string | null;
  readonly late: boolean;
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

/** Nothing, where the job has gone meanwhile. */
export async function startAttempt(sql: Queryable, attempt: StartedAttempt): Promise<void> {
  await sql.query(
    `INSERT INTO attempt (id, job_id, step_index, name, agent_id, epoch, state)
     SELECT $1, id, $3, $4, $5, $6, 'running' FROM job WHERE id = $2 FOR KEY SHARE
     ON CONFLICT (job_id, step_index, id) DO NOTHING`,
    [attempt.id, attempt.jobId, attempt.index, attempt.name, attempt.agentId, attempt.epoch],
  );
}

export interface EndedAttempt {
  readonly id: string;
  readonly jobId: string;
  readonly state: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly reason: string | null;
  readonly outputs: JsonObject;
  readonly annotations: unknown;
  readonly summary: string | null;
}

export async function endAttempt(sql: Queryable, attempt: EndedAttempt): Promise<void> {
  await sql.query(
    `UPDATE attempt SET state = $2, counted = true, exit_code = $4, signal = $5, reason = $6, outputs = $7, annotations = $8, summary = $9, ended_at = clock_timestamp()
     WHERE job_id = $3 AND id = $1 AND ended_at IS NULL`,
    [
      attempt.id,
      attempt.state,
      attempt.jobId,
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

/**
 * What a decision about a loss needs of the attempts that count. A job that was begun at one of its steps
 * (`run rerun --from`) has none of those before it, only the checkpoint behind them.
 */
export function finishedSteps(
  attempts: readonly AttemptRow[],
  {
    resume_index,
    checkpoint: begunAt,
  }: { readonly resume_index: number; readonly checkpoint: string | null },
): readonly FinishedStep[] {
  const counted = attempts
    .filter((attempt) => attempt.counted)
    .map(({ step_index, checkpoint, not_portable }) => ({
      index: step_index,
      checkpoint,
      notPortable: not_portable,
    }));
  if (begunAt === null || counted.some(({ index }) => index === resume_index - 1)) return counted;
  return [{ index: resume_index - 1, checkpoint: begunAt, notPortable: null }, ...counted];
}

const NUMBERED =
  'row_number() OVER (PARTITION BY attempt.job_id, attempt.step_index ORDER BY attempt.started_at, attempt.id)::int AS number';

export async function attemptsOf(
  sql: Queryable,
  runId: string,
): Promise<readonly (AttemptRow & { agent: string | null })[]> {
  const found = await sql.query<AttemptRow & { agent: string | null }>(
    `SELECT attempt.*, ${NUMBERED}, agent.name AS agent FROM attempt JOIN job ON job.id = attempt.job_id
     LEFT JOIN agent ON agent.id = attempt.agent_id
     WHERE job.run_id = $1 ORDER BY attempt.job_id, attempt.step_index, number`,
    [runId],
  );
  return found.rows;
}

export async function attemptsOfJob(sql: Queryable, jobId: string): Promise<readonly AttemptRow[]> {
  const found = await sql.query<AttemptRow>(
    `SELECT attempt.*, ${NUMBERED} FROM attempt WHERE job_id = $1 ORDER BY step_index, number`,
    [jobId],
  );
  return found.rows;
}

import { canonicalJson, type Json, type JsonObject } from '@holdfast/core/kernel/json.ts';
import { checkRun } from '@holdfast/core/pipeline/invariants.ts';
import {
  isEnded,
  type Job,
  type JobDefinition,
  type Run,
  type RunState,
  type WorkflowDefinition,
} from '@holdfast/core/pipeline/pipeline.ts';
import type { LoadedRun } from '@holdfast/core/pipeline/ports.ts';
import type { JobResult } from '@holdfast/core/pipeline/reports.ts';
import type { Queryable } from '../database.ts';
import { RUN } from '../duty/duty-store.ts';

/** The run machine's state on two tables. Loading locks the run row, so that decisions queue up. */
export interface NewRun {
  readonly run: Run;
  readonly repositoryId: string;
  readonly number: number;
  readonly name: string;
  readonly event: string;
  readonly ref: string;
  readonly commit: string;
  readonly message: string;
  readonly definitionHash: string;
  readonly source: string;
  readonly config: string | null;
  /** Files of schema changes; null: none are named. */
  readonly schemaFiles: readonly SchemaFile[] | null;
}

export interface SchemaFile {
  readonly path: string;
  readonly text: string;
}

export interface RunRow {
  readonly id: string;
  readonly repository_id: string;
  readonly repository: string;
  readonly number: number;
  readonly workflow: string;
  readonly name: string;
  readonly event: string;
  readonly ref: string;
  readonly commit: string;
  readonly message: string;
  readonly definition: WorkflowDefinition;
  readonly definition_hash: string;
  readonly contexts: Run['contexts'];
  readonly source: string;
  readonly config: string | null;
  readonly schema_files: readonly SchemaFile[] | null;
  readonly state: RunState;
  readonly cancel_requested: boolean;
  readonly reason: string | null;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
}

export interface JobRow {
  readonly id: string;
  readonly run_id: string;
  readonly ordinal: number;
  readonly key: string;
  readonly name: string;
  readonly state: RunState;
  readonly matrix: JsonObject | null;
  readonly matrix_index: number;
  readonly matrix_total: number;
  readonly fail_fast: boolean;
  readonly max_parallel: number;
  readonly labels: string[];
  readonly lane: 'agent' | 'controller';
  readonly continue_on_error: boolean;
  readonly outputs: JsonObject;
  readonly reason: string | null;
  readonly cancel: boolean;
  readonly agent_id: string | null;
  readonly epoch: number;
  readonly granted_at: Date | null;
  readonly acknowledged_at: Date | null;
  readonly resume_index: number;
  readonly checkpoint: string | null;
  readonly asks: string | null;
  readonly reported: JobResult | null;
  readonly repository_id: string;
  readonly losses: number;
  readonly queued_at: Date | null;
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
}

export async function insertRun(sql: Queryable, made: NewRun): Promise<void> {
  const { run } = made;
  await sql.query(
    `INSERT INTO run (id, repository_id, number, workflow, name, event, ref, commit, message, definition, definition_hash, contexts, source, config, state, schema_files)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
    [
      run.id,
      made.repositoryId,
      made.number,
      run.definition.path,
      made.name,
      made.event,
      made.ref,
      made.commit,
      made.message,
      JSON.stringify(run.definition),
      made.definitionHash,
      JSON.stringify(run.contexts),
      made.source,
      made.config,
      run.state,
      made.schemaFiles === null ? null : JSON.stringify(made.schemaFiles),
    ],
  );
}

const RUN_COLUMNS = 'run.*, repository.name AS repository';

export async function findRun(sql: Queryable, id: string): Promise<RunRow | null> {
  const found = await sql.query<RunRow>(
    `SELECT ${RUN_COLUMNS} FROM run JOIN repository ON repository.id = run.repository_id WHERE run.id = $1`,
    [id],
  );
  return found.rows[0] ?? null;
}

export async function listRuns(
  sql: Queryable,
  page: {
    readonly limit: number;
    readonly before: string | null;
    readonly repository: string | null;
    readonly state: string | null;
  },
): Promise<readonly RunRow[]> {
  const found = await sql.query<RunRow>(
    `SELECT ${RUN_COLUMNS} FROM run JOIN repository ON repository.id = run.repository_id
     WHERE ($2::uuid IS NULL OR run.id < $2) AND ($3::text IS NULL OR repository.name = $3) AND ($4::text IS NULL OR run.state = $4)
     ORDER BY run.id DESC LIMIT $1`,
    [page.limit, page.before, page.repository, page.state],
  );
  return found.rows;
}

export async function jobsOf(sql: Queryable, runId: string): Promise<readonly JobRow[]> {
  return (await sql.query<JobRow>('SELECT * FROM job WHERE run_id = $1 ORDER BY ordinal', [runId])).rows;
}

export async function findJob(sql: Queryable, id: string): Promise<JobRow | null> {
  return (await sql.query<JobRow>('SELECT * FROM job WHERE id = $1', [id])).rows[0] ?? null;
}

/** The machine's state, with the run and then its jobs locked until the transaction ends. */
export async function loadRunForUpdate(sql: Queryable, id: string): Promise<LoadedRun | null> {
  const locked = await sql.query<RunRow>('SELECT * FROM run WHERE id = $1 FOR UPDATE', [id]);
  const row = locked.rows[0];
  if (!row) return null;
  await sql.query('SELECT 1 FROM job WHERE run_id = $1 ORDER BY id FOR NO KEY UPDATE', [id]);
  const jobs = await jobsOf(sql, id);
  const run: Run = {
    id: row.id,
    state: row.state,
    definition: row.definition,
    contexts: row.contexts,
    jobs: jobs.map(jobOf),
    cancelRequested: row.cancel_requested,
    reason: row.reason,
  };
  checkRun(run);
  const told = jobs.filter((job) => job.reported !== null && job.ended_at === null);
  return { run, reported: new Map(told.map((job) => [job.id, job.reported as JobResult])) };
}

/** Written down by agents, not yet heard by the run's machine. */
export async function unsettledRuns(sql: Queryable, limit: number): Promise<readonly string[]> {
  const found = await sql.query<{ run_id: string }>(
    `SELECT run_id FROM (
       SELECT run_id FROM job WHERE reported IS NOT NULL AND ended_at IS NULL
       UNION SELECT run.id FROM run JOIN job ON job.run_id = run.id
         WHERE run.ended_at IS NULL AND run.state IN ('queued', 'waiting') AND job.state = 'running') AS unsettled
     WHERE NOT EXISTS (SELECT FROM duty WHERE kind = $2 AND id = run_id::text AND parked IS NOT NULL)
     LIMIT $1`,
    [limit, RUN],
  );
  return found.rows.map((row) => row.run_id);
}

export async function definitionOf(sql: Queryable, job: JobRow): Promise<JobDefinition> {
  const found = await sql.query<{ definition: WorkflowDefinition }>(
    'SELECT definition FROM run WHERE id = $1',
    [job.run_id],
  );
  return found.rows[0]?.definition.jobs.find((candidate) => candidate.key === job.key) as JobDefinition;
}

export function jobOf(row: JobRow): Job {
  return {
    id: row.id,
    key: row.key,
    name: row.name,
    state: row.state,
    matrix: row.matrix,
    matrixIndex: row.matrix_index,
    matrixTotal: row.matrix_total,
    failFast: row.fail_fast,
    maxParallel: row.max_parallel,
    labels: row.labels,
    lane: row.lane,
    continueOnError: row.continue_on_error,
    outputs: row.outputs,
    reason: row.reason,
    asks: row.asks,
  };
}

/** Writes what a decision changed; unchanged jobs are not touched. */
export async function saveRun(sql: Queryable, before: Run, after: Run): Promise<void> {
  checkRun(after);
  const known = new Map(before.jobs.map((job) => [job.id, job]));
  for (const [ordinal, job] of after.jobs.entries()) {
    const old = known.get(job.id);
    if (!old) await insertJob(sql, after.id, { job, ordinal });
    else if (canonicalJson(old as unknown as Json) !== canonicalJson(job as unknown as Json))
      await updateJob(sql, job);
  }
  const started = after.state !== 'queued' && after.state !== 'waiting';
  await sql.query(
    `UPDATE run SET state = $2, cancel_requested = $3, reason = $4,
       started_at = CASE WHEN $5 THEN coalesce(started_at, clock_timestamp()) ELSE started_at END,
       ended_at = CASE WHEN $6 THEN coalesce(ended_at, clock_timestamp()) ELSE ended_at END
     WHERE id = $1`,
    [after.id, after.state, after.cancelRequested, after.reason, started, isEnded(after.state)],
  );
}

async function insertJob(
  sql: Queryable,
  runId: string,
  { job, ordinal }: { readonly job: Job; readonly ordinal: number },
): Promise<void> {
  await sql.query(
    `INSERT INTO job (id, run_id, ordinal, key, name, state, matrix, matrix_index, matrix_total, fail_fast, max_parallel, labels, lane, continue_on_error, outputs, reason, repository_id, queued_at, ended_at)
     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, repository_id,
            CASE WHEN $6 = 'queued' THEN clock_timestamp() END, CASE WHEN $17 THEN clock_timestamp() END FROM run WHERE id = $2`,
    [
      job.id,
      runId,
      ordinal,
      job.key,
      job.name,
      job.state,
      job.matrix ? JSON.stringify(job.matrix) : null,
      job.matrixIndex,
      job.matrixTotal,
      job.failFast,
      job.maxParallel,
      job.labels,
      job.lane,
      job.continueOnError,
      JSON.stringify(job.outputs),
      job.reason,
      isEnded(job.state),
    ],
  );
}

async function updateJob(sql: Queryable, job: Job): Promise<void> {
  await sql.query(
    `UPDATE job SET state = $2, outputs = $3, reason = $4, asks = $6,
       queued_at = CASE WHEN $2 = 'queued' AND (queued_at IS NULL OR state = 'waiting') THEN clock_timestamp() ELSE queued_at END,
       started_at = CASE WHEN $2 = 'running' THEN coalesce(started_at, clock_timestamp()) ELSE started_at END,
       ended_at = CASE WHEN $5 THEN coalesce(ended_at, clock_timestamp()) ELSE ended_at END
     WHERE id = $1`,
    [job.id, job.state, JSON.stringify(job.outputs), job.reason, isEnded(job.state), job.asks],
  );
}

/** Its first agent begins here instead of at the first step. False: the run has no such job yet. */
export async function beginJobAt(
  sql: Queryable,
  runId: string,
  at: { readonly key: string; readonly from: number; readonly checkpoint: string },
): Promise<boolean> {
  const begun = await sql.query(
    'UPDATE job SET resume_index = $3, checkpoint = $4 WHERE run_id = $1 AND key = $2 AND ended_at IS NULL',
    [runId, at.key, at.from, at.checkpoint],
  );
  return begun.rowCount === 1;
}

export async function requestJobCancel(sql: Queryable, jobId: string): Promise<void> {
  await sql.query('UPDATE job SET cancel = true WHERE id = $1', [jobId]);
}

export interface RecentDefinition {
  readonly repository: string;
  readonly definition: WorkflowDefinition;
}

/** The newest definition of each workflow among a repository's last runs. */
export async function recentDefinitions(sql: Queryable): Promise<readonly RecentDefinition[]> {
  const found = await sql.query<RecentDefinition>(
    `SELECT repository.name AS repository, latest.definition FROM repository, LATERAL (
       SELECT DISTINCT ON (workflow) workflow, definition FROM (
         SELECT workflow, definition, number FROM run WHERE repository_id = repository.id ORDER BY number DESC LIMIT 20) recent
       ORDER BY workflow, number DESC) latest ORDER BY repository.name, latest.workflow`,
  );
  return found.rows;
}

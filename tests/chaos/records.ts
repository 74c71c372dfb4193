import type pg from 'pg';
import type { DatabasePair } from './cluster/database-pair.ts';
import { until } from './until.ts';

/**
 * What the database knows, read past the product's own code. Times are milliseconds since 1970 by
 * the machine's one clock, so that they compare with the harness's own.
 */
export interface AttemptRecord {
  readonly id: string;
  readonly jobId: string;
  readonly trigger: string;
  readonly step: number;
  readonly agent: string | null;
  readonly state: string;
  readonly counted: boolean;
  readonly exitCode: number | null;
  readonly reason: string | null;
  readonly startedAt: number;
  readonly endedAt: number | null;
}

export interface RunRecord {
  readonly id: string;
  readonly repository: string;
  readonly trigger: string;
  readonly state: string;
  readonly reason: string | null;
  readonly createdAt: number;
  readonly endedAt: number | null;
}

const ms = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`;
const TRIGGER = `run.contexts->'inputs'->>'trigger'`;
const ATTEMPTS = `SELECT attempt.id, attempt.job_id AS "jobId", ${TRIGGER} AS trigger, attempt.step_index AS step,
    agent.name AS agent, attempt.state, attempt.counted, attempt.exit_code AS "exitCode",
    attempt.reason, ${ms('attempt.started_at')} AS "startedAt", ${ms('attempt.ended_at')} AS "endedAt"
  FROM attempt JOIN job ON job.id = attempt.job_id JOIN run ON run.id = job.run_id
  LEFT JOIN agent ON agent.id = attempt.agent_id`;

export class Records {
  private readonly pair: DatabasePair;
  private client: pg.Client | undefined;

  constructor(pair: DatabasePair) {
    this.pair = pair;
  }

  async close(): Promise<void> {
    await this.client?.end().catch(() => {});
  }

  runs(): Promise<readonly RunRecord[]> {
    return this.read(`SELECT run.id, repository.name AS repository, ${TRIGGER} AS trigger, state, reason,
      ${ms('run.created_at')} AS "createdAt", ${ms('ended_at')} AS "endedAt"
      FROM run JOIN repository ON repository.id = run.repository_id ORDER BY run.id`);
  }

  attempts(): Promise<readonly AttemptRecord[]> {
    return this.read(`${ATTEMPTS} ORDER BY attempt.job_id, attempt.step_index, attempt.started_at`);
  }

  /** Attempts that run now, by their agents' names. */
  running(): Promise<readonly AttemptRecord[]> {
    return this.read(`${ATTEMPTS} WHERE attempt.ended_at IS NULL AND job.agent_id = attempt.agent_id`);
  }

  /** When the job first did something at another agent. Null: not yet; 'ended': it need not any more. */
  wentOnElsewhere(jobId: string, agent: string, after: number): Promise<number | 'ended' | null> {
    return this.nextAttempt(jobId, (row) => row.agent !== agent && row.startedAt > after);
  }

  /** The same at whatever agent. */
  wentOn(jobId: string, after: number): Promise<number | 'ended' | null> {
    return this.nextAttempt(jobId, (row) => row.startedAt > after);
  }

  private async nextAttempt(
    jobId: string,
    fits: (row: AttemptRecord) => boolean,
  ): Promise<number | 'ended' | null> {
    const rows = await this.read<AttemptRecord>(
      `${ATTEMPTS} WHERE attempt.job_id = $1 ORDER BY attempt.started_at`,
      [jobId],
    );
    const found = rows.find(fits);
    if (found) return found.startedAt;
    const ended = await this.read('SELECT 1 FROM job WHERE id = $1 AND ended_at IS NOT NULL', [jobId]);
    return ended.length > 0 ? 'ended' : null;
  }

  /** When this attempt was next heard of: a line of its log, or its end. 'ended': it was over before. */
  async heardOf(attemptId: string, after: number): Promise<number | 'ended' | null> {
    const rows = await this.read<{ at: number | null }>(
      `SELECT min(at) AS at FROM (
         SELECT ${ms('at')} AS at FROM log_chunk WHERE attempt_id = $1
         UNION ALL SELECT ${ms('ended_at')} FROM attempt WHERE id = $1) AS heard WHERE at > $2`,
      [attemptId, after],
    );
    const at = rows[0]?.at ?? null;
    if (at !== null) return at;
    const ended = await this.read('SELECT 1 FROM attempt WHERE id = $1 AND ended_at IS NOT NULL', [
      attemptId,
    ]);
    return ended.length > 0 ? 'ended' : null;
  }

  async nextStepRecorded(after: number): Promise<number | null> {
    const rows = await this.read<{ at: number | null }>(
      `SELECT min(at) AS at FROM (SELECT ${ms('started_at')} AS at FROM attempt
         UNION ALL SELECT ${ms('ended_at')} FROM attempt) AS recorded WHERE at > $1`,
      [after],
    );
    return rows[0]?.at ?? null;
  }

  /** Nothing asked for waits to become a run, and no run waits to end. */
  async isSettled(): Promise<boolean> {
    const left = await this.read(`SELECT 1 FROM inbox WHERE state = 'pending'
      UNION ALL SELECT 1 FROM run WHERE ended_at IS NULL`);
    return left.length === 0;
  }

  async parkedDuties(): Promise<readonly { kind: string; id: string; parked: string }[]> {
    return this.read('SELECT kind, id, parked FROM duty WHERE parked IS NOT NULL');
  }

  /** Digests of what the last checkpoint of the job consists of; none: it has no checkpoint. */
  async partsOfNewestCheckpoint(jobId: string): Promise<readonly string[]> {
    const rows = await this.read<{ blobs: readonly string[] }>(
      `SELECT blobs FROM attempt JOIN checkpoint ON checkpoint.name = attempt.checkpoint
       WHERE attempt.job_id = $1 ORDER BY attempt.ended_at DESC LIMIT 1`,
      [jobId],
    );
    return rows[0]?.blobs ?? [];
  }

  logChunks(attemptId: string): Promise<readonly { start: number; text: Buffer }[]> {
    return this.read('SELECT start::float8, text FROM log_chunk WHERE attempt_id = $1 ORDER BY start', [
      attemptId,
    ]);
  }

  /** Asked again on a new connection while the database is away. */
  private read<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<readonly Row[]> {
    const ask = async () => {
      try {
        this.client ??= await this.pair.primary.connect('holdfast');
        return (await this.client.query<Row>(text, values)).rows;
      } catch (error) {
        const broken = this.client;
        this.client = undefined;
        void broken?.end().catch(() => {});
        throw error;
      }
    };
    return until('the database to be read', ask, { limitMs: 60_000, everyMs: 20 });
  }
}

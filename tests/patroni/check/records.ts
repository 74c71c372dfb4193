import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { AttemptRecord, RunRecord } from '../../chaos/records.ts';

/** What the database knows at the end, read past the product's own code. */
export interface DatabaseRecords {
  readonly runs: readonly RunRecord[];
  readonly attempts: readonly AttemptRecord[];
  /** Steps with more than one attempt that counts; the unique index must make this impossible. */
  readonly doubleCounts: number;
  readonly hasCountedIndex: boolean;
  readonly parked: readonly string[];
}

type Query = <Row extends pg.QueryResultRow>(text: string) => Promise<readonly Row[]>;

const ms = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`;
const TRIGGER = `run.contexts->'inputs'->>'trigger'`;

export async function readRecords(query: Query): Promise<DatabaseRecords> {
  const runs = await query<RunRecord>(`SELECT run.id, repository.name AS repository, ${TRIGGER} AS trigger,
      state, reason, ${ms('run.created_at')} AS "createdAt", ${ms('ended_at')} AS "endedAt"
      FROM run JOIN repository ON repository.id = run.repository_id`);
  const attempts = await query<AttemptRecord>(`SELECT attempt.id, attempt.job_id AS "jobId",
      ${TRIGGER} AS trigger, attempt.step_index AS step, agent.name AS agent, attempt.state, attempt.counted,
      attempt.exit_code AS "exitCode", attempt.reason, ${ms('attempt.started_at')} AS "startedAt",
      ${ms('attempt.ended_at')} AS "endedAt"
      FROM attempt JOIN job ON job.id = attempt.job_id JOIN run ON run.id = job.run_id
      LEFT JOIN agent ON agent.id = attempt.agent_id`);
  const double = await query(
    'SELECT 1 FROM attempt WHERE counted GROUP BY job_id, step_index HAVING count(*) > 1',
  );
  const index = await query("SELECT 1 FROM pg_indexes WHERE indexname = 'attempt_counted_once'");
  const parked = await query<{ kind: string; parked: string }>(
    'SELECT kind, parked FROM duty WHERE parked IS NOT NULL',
  );
  return {
    runs,
    attempts,
    doubleCounts: double.length,
    hasCountedIndex: index.length === 1,
    parked: parked.map(({ kind, parked: why }) => `duty ${kind} is parked: ${why}`),
  };
}

/** How many triggers wait to become runs, and runs to end. */
async function leftToDo(query: Query): Promise<number> {
  const [row] = await query<{ left: number }>(`SELECT ((SELECT count(*) FROM inbox WHERE state = 'pending')
    + (SELECT count(*) FROM run WHERE ended_at IS NULL))::int AS left`);
  return row?.left ?? 0;
}

/** Waits for nothing to be left as long as less and less is. */
export interface Settling {
  readonly backlog: number;
  readonly seconds: number;
  /** Left when nothing had moved for a minute. */
  readonly stuck: number;
}

const STUCK_AFTER_MS = 60_000;

export async function waitUntilSettled(query: Query): Promise<Settling> {
  const began = performance.now();
  const backlog = await leftToDo(query);
  let [least, movedAt] = [backlog, began];
  while (least > 0 && performance.now() - movedAt < STUCK_AFTER_MS) {
    await sleep(250);
    const left = await leftToDo(query).catch(() => least);
    if (left < least) [least, movedAt] = [left, performance.now()];
  }
  return { backlog, seconds: (performance.now() - began) / 1000, stuck: least };
}

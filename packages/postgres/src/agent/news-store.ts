import type { LeaseView, NewsAnswer, ReturnedLease } from '@holdfast/core/pipeline/ports.ts';
import type { AgentNews, Report, ReportAnswer } from '@holdfast/core/pipeline/reports.ts';
import type { Queryable } from '../database.ts';
import type { JobQueue } from './job-queue.ts';
import type { LeaseFloors } from './lease-floors.ts';

/**
 * Each agent's leases looked up by themselves, which OFFSET sees to: jobs that are with agents are so few that the planner may
 * take all of them to be read at once for cheap, and then reads every dead row that a transaction elsewhere keeps.
 */
const LEASES = `
     SELECT id, epoch, acknowledged_at, cancel, granted_at FROM job
     WHERE agent_id = member.agent AND granted_at >= coalesce(member.since, '-infinity') AND ended_at IS NULL AND reported IS NULL OFFSET 0`;

/**
 * What many agents say, applied by one statement: the jobs spoken of are locked in the order of
 * their ids, a report counts if its agent still holds the job under the epoch it names, and the
 * answer says what each agent holds afterwards. A refusal is a row. Saying it again changes nothing
 * and is answered alike, because the answer is read from the rows that the first telling made.
 */
const APPLY = `
WITH member AS MATERIALIZED (
  SELECT given.member, given.agent, given.since, agent.session_id IS NOT DISTINCT FROM given.session AS known
  FROM json_to_recordset($1::json) AS given (member int, agent uuid, session uuid, since timestamptz) LEFT JOIN agent ON agent.id = given.agent
), report AS MATERIALIZED (
  SELECT given.*, member.agent
  FROM json_to_recordset($2::json) AS given (member int, number bigint, kind text, job uuid, epoch bigint, attempt uuid, step int, name text,
    state text, exit int, signal text, reason text, ms float8, outputs jsonb, annotations jsonb, summary text, checkpoint text, portable text, again boolean, result jsonb)
  JOIN member USING (member) WHERE member.known
), locked AS MATERIALIZED (
  SELECT id, run_id, agent_id, epoch, reported IS NOT NULL AS told, ended_at FROM job
  WHERE id IN (SELECT job FROM report) ORDER BY id FOR NO KEY UPDATE
), judged AS MATERIALIZED (
  SELECT report.*, locked.run_id, locked.id IS NOT NULL AS exists,
    coalesce(locked.agent_id = report.agent AND locked.epoch = report.epoch AND locked.ended_at IS NULL AND NOT locked.told, false) AS held,
    coalesce(locked.agent_id = report.agent AND locked.epoch = report.epoch AND locked.told, false) AS told
  FROM report LEFT JOIN locked ON locked.id = report.job
), kept AS (
  INSERT INTO attempt (id, job_id, step_index, name, agent_id, epoch, state, counted, late, exit_code, signal, reason, outputs, annotations,
    summary, checkpoint, not_portable, started_at, ended_at)
  SELECT attempt, job, step, name, agent, epoch, CASE WHEN kind = 'stepStarted' THEN 'running' WHEN held THEN state ELSE 'lost' END,
    kind = 'stepFinished' AND held AND again IS NOT TRUE, NOT held, exit, signal, reason, coalesce(outputs, '{}'), coalesce(annotations, '[]'),
    summary, checkpoint, portable, clock_timestamp() - coalesce(ms, 0) * interval '1 millisecond',
    CASE WHEN kind = 'stepFinished' THEN clock_timestamp() END
  FROM judged
  WHERE exists AND (kind = 'stepFinished' OR (kind = 'stepStarted' AND held AND NOT EXISTS (
    SELECT 1 FROM report AS other WHERE other.attempt = judged.attempt AND other.kind = 'stepFinished')))
  ON CONFLICT (job_id, step_index, id) DO UPDATE SET state = excluded.state, counted = excluded.counted, late = excluded.late,
    exit_code = excluded.exit_code, signal = excluded.signal, reason = coalesce(excluded.reason, attempt.reason), outputs = excluded.outputs,
    annotations = excluded.annotations, summary = excluded.summary, checkpoint = excluded.checkpoint, not_portable = excluded.not_portable,
    ended_at = coalesce(attempt.ended_at, excluded.ended_at)
  WHERE excluded.ended_at IS NOT NULL AND (attempt.ended_at IS NULL OR (attempt.state = 'lost' AND NOT attempt.late))
), changed AS (
  UPDATE job SET reported = told.result,
    acknowledged_at = CASE WHEN told.acknowledged THEN coalesce(acknowledged_at, clock_timestamp()) ELSE acknowledged_at END,
    started_at = CASE WHEN told.acknowledged THEN coalesce(started_at, clock_timestamp()) ELSE started_at END,
    state = CASE WHEN told.acknowledged AND state = 'queued' THEN 'running' ELSE state END
  FROM (SELECT job, bool_or(kind = 'leaseAcknowledged') AS acknowledged, (jsonb_agg(result) FILTER (WHERE kind = 'jobFinished')) -> 0 AS result
        FROM judged WHERE held AND kind IN ('leaseAcknowledged', 'jobFinished') GROUP BY job) AS told
  WHERE job.id = told.job
  RETURNING job.id, job.run_id, job.repository_id, told.acknowledged, told.result IS NOT NULL AS ended
), logged AS (
  INSERT INTO log_chunk (attempt_id, start, text)
  SELECT DISTINCT ON (given.attempt, given.start) given.attempt, given.start, convert_to(given.text, 'UTF8')
  FROM json_to_recordset($3::json) AS given (member int, attempt uuid, start bigint, text text) JOIN member USING (member)
  WHERE member.known ORDER BY given.attempt, given.start, length(given.text) DESC
  ON CONFLICT (attempt_id, start) DO UPDATE SET text = excluded.text WHERE length(excluded.text) > length(log_chunk.text)
)
SELECT
  (SELECT json_agg(member) FROM member WHERE NOT known) AS strangers,
  (SELECT json_agg(json_build_array(member, number, CASE
       WHEN held THEN 'accepted'
       WHEN kind = 'jobFinished' AND told THEN 'accepted'
       WHEN kind = 'stepFinished' AND EXISTS (SELECT 1 FROM attempt
         WHERE job_id = judged.job AND step_index = judged.step AND id = judged.attempt AND counted) THEN 'accepted'
       ELSE 'fenced' END) ORDER BY member, number) FROM judged) AS outcomes,
  (SELECT json_agg(json_build_array(member.member, mine.id, mine.epoch, mine.acknowledged_at IS NOT NULL OR coalesce(changed.acknowledged, false), mine.cancel,
     extract(epoch FROM mine.granted_at) * 1000))
   FROM member CROSS JOIN LATERAL (${LEASES}) AS mine LEFT JOIN changed ON changed.id = mine.id
   WHERE member.known AND NOT coalesce(changed.ended, false)) AS leases,
  (SELECT json_agg(DISTINCT changed.run_id) FROM changed LEFT JOIN run ON run.id = changed.run_id
   WHERE changed.ended OR run.state IN ('queued', 'waiting')) AS unsettled,
  (SELECT json_agg(repository_id) FROM changed WHERE ended) AS left_by,
  (SELECT json_agg(json_build_array(member, job, epoch, checkpoint, reason)) FROM judged WHERE held AND kind = 'leaseReturned') AS returned,
  (SELECT json_agg(DISTINCT run_id) FROM judged WHERE held AND kind IN ('stepStarted', 'stepFinished')) AS touched,
  (extract(epoch FROM statement_timestamp()) * 1000)::float8 AS now`;

interface Applied {
  readonly strangers: number[] | null;
  readonly outcomes: [member: number, number: number, outcome: ReportAnswer['outcome']][] | null;
  readonly leases:
    | [
        member: number,
        job: string,
        epoch: number,
        acknowledged: boolean,
        cancel: boolean,
        grantedMs: number,
      ][]
    | null;
  readonly unsettled: string[] | null;
  readonly returned:
    | [member: number, job: string, epoch: number, checkpoint: string | null, reason: string][]
    | null;
  readonly touched: string[] | null;
  /** The repository of each job that ended. */
  readonly left_by: string[] | null;
  /** Not after what was read: a lock may have been waited for since. */
  readonly now: number;
}

const FENCED = 'the lease of this job is held by somebody else';

/** At most one entry an agent: two tellings of one report in one statement would meet themselves. */
export async function applyNews(
  sql: Queryable,
  news: readonly AgentNews[],
  { floors, queue }: { readonly floors: LeaseFloors; readonly queue: Pick<JobQueue, 'left'> },
): Promise<readonly NewsAnswer[]> {
  const since = news.map(({ agentId }) => floors.since(agentId));
  const applied = await apply(sql, news, since);
  queue.left(applied.left_by ?? []);
  if (!floors.holdAt(applied.now)) return applyNews(sql, news, { floors, queue });
  const answers = answersOf(news.length, applied);
  news.forEach(({ agentId }, member) => {
    const granted = (applied.leases ?? []).filter(([of]) => of === member).map((lease) => lease[5]);
    if (!answers[member]?.stranger)
      floors.note(agentId, { grantedMs: granted, databaseMs: applied.now, whole: since[member] === null });
  });
  return answers;
}

async function apply(
  sql: Queryable,
  news: readonly AgentNews[],
  since: readonly (Date | null)[],
): Promise<Applied> {
  const members = news.map(({ agentId, sessionId }, member) => ({
    member,
    agent: agentId,
    session: sessionId,
    since: since[member] ?? undefined,
  }));
  const reports = news.flatMap((entry, member) =>
    entry.reports.map(({ number, report }) => ({ member, number, ...recordOf(report) })),
  );
  const logs = news.flatMap((entry, member) =>
    entry.logs.map(({ attemptId, offset, text }) => ({ member, attempt: attemptId, start: offset, text })),
  );
  const applied = await sql.query<Applied>({
    name: 'apply-news',
    text: APPLY,
    values: [JSON.stringify(members), JSON.stringify(reports), JSON.stringify(logs)],
  });
  return applied.rows[0] as Applied;
}

function answersOf(count: number, applied: Applied): readonly NewsAnswer[] {
  const answers = Array.from({ length: count }, (_, member) => ({
    stranger: applied.strangers?.includes(member) ?? false,
    results: [] as ReportAnswer[],
    leases: [] as LeaseView[],
    unsettled: applied.unsettled ?? [],
    returned: [] as ReturnedLease[],
    touched: applied.touched ?? [],
  }));
  for (const [member, number, outcome] of applied.outcomes ?? [])
    answers[member]?.results.push({ number, outcome, reason: outcome === 'fenced' ? FENCED : null });
  for (const [member, jobId, epoch, acknowledged, cancel] of applied.leases ?? [])
    answers[member]?.leases.push({ jobId, epoch, acknowledged, cancel });
  for (const [member, jobId, epoch, checkpoint, reason] of applied.returned ?? [])
    answers[member]?.returned.push({ jobId, epoch, checkpoint, reason });
  return answers;
}

function isEmpty(values: object): boolean {
  for (const _ in values) return false;
  return true;
}

/** What is undefined is left out, is null on the other side, and is not parsed there: most of a plain step's fields. */
function recordOf(report: Report): object {
  const { kind, jobId: job, epoch } = report;
  switch (report.kind) {
    case 'leaseAcknowledged':
      return { kind, job, epoch };
    case 'leaseReturned':
      return { kind, job, epoch, checkpoint: report.checkpoint, reason: report.reason };
    case 'stepStarted':
      return { kind, job, epoch, attempt: report.attemptId, step: report.index, name: report.name };
    case 'jobFinished': {
      const { conclusion, outputs, reason } = report;
      return { kind, job, epoch, result: { conclusion, outputs, reason } };
    }
    case 'stepFinished':
      return {
        kind,
        job,
        epoch,
        attempt: report.attemptId,
        step: report.index,
        name: report.name,
        state: report.conclusion,
        exit: report.exitCode ?? undefined,
        signal: report.signal ?? undefined,
        reason: report.reason ?? undefined,
        ms: report.durationMs,
        outputs: isEmpty(report.outputs) ? undefined : report.outputs,
        annotations: report.annotations.length === 0 ? undefined : report.annotations,
        summary: report.summary ?? undefined,
        checkpoint: report.checkpoint ?? undefined,
        portable: report.notPortable ?? undefined,
        again: report.again || undefined,
      };
  }
}

import type {
  Exchange,
  ExchangeAnswer,
  Grant,
  InstanceObservation,
  Report,
  ReportResult,
} from '@holdfast/contract/agent/protocol.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { type AgentRow, agentById, setAgentState } from '@holdfast/postgres/agent/agent-store.ts';
import {
  acknowledgeLease,
  advanceResume,
  claimJobs,
  heldJob,
  leasesOf,
  lockRunOfJob,
} from '@holdfast/postgres/agent/lease-store.ts';
import { answersOf, keepAnswer } from '@holdfast/postgres/agent/report-store.ts';
import { renewBlob } from '@holdfast/postgres/blob/blob-index.ts';
import { attempt, isConnectionFailure, isRetryable, type Queryable } from '@holdfast/postgres/database.ts';
import { hastenDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { appendEvent } from '@holdfast/postgres/events/event-store.ts';
import { noteStartTime } from '@holdfast/postgres/release/release-store.ts';
import { observeInstance } from '@holdfast/postgres/rollout/instance-store.ts';
import { endAttempt, startAttempt } from '@holdfast/postgres/run/attempt-store.ts';
import type { JobRow } from '@holdfast/postgres/run/run-store.ts';
import type { Hint } from '../loop/hints.ts';
import { changeRun } from '../runs/change-run.ts';
import type { Services } from '../services.ts';
import { grantOf } from './grants.ts';
import { ordersOf } from './orders.ts';
import { releaseLeases } from './release-leases.ts';

/**
 * One round trip with an agent: its reports are applied in their order, then it is told the
 * complete set of what it holds. One transaction; a report that comes too late is answered
 * `fenced` and kept, never counted.
 */
export async function exchange(services: Services, message: Exchange): Promise<ExchangeAnswer> {
  const answer = await services.database.transaction(async (sql) => {
    const agent = await agentById(sql, message.agentId);
    if (!agent || agent.session_id !== message.sessionId) {
      throw new HoldfastError('agentUnknown', 'this session is over: say hello again');
    }
    const results = await applyReports(services, sql, { agent, message });
    for (const seen of message.instances) await applyObservation(sql, agent, seen);
    if (message.bye) return goodbye(services, sql, { agent, results });
    const free = agent.intent === 'work' && agent.state === 'online' ? message.freeSlots : 0;
    await claimJobs(sql, {
      id: agent.id,
      labels: agent.labels,
      slots: free,
      standBackMs: agent.host ? 1_000 : 0,
    });
    return describe(services, sql, { agent, results, wanted: message.wanted });
  });
  for (const hint of hintsOf(message)) services.hints.send(hint);
  return answer;
}

/** Only what may really be new for somebody: idle agents are not woken for every step of a busy one. */
function hintsOf(message: Exchange): readonly Hint[] {
  const ended = message.reports.some(({ report }) => report.kind === 'jobFinished');
  const hints: Hint[] = message.reports.length > 0 ? ['events', 'run'] : [];
  if (ended || message.bye) hints.push('jobs', 'duty');
  else if (message.instances.length > 0) hints.push('duty');
  return hints;
}

interface Applied {
  readonly agent: AgentRow;
  readonly results: ReportResult[];
}

async function goodbye(
  services: Services,
  sql: Queryable,
  { agent, results }: Applied,
): Promise<ExchangeAnswer> {
  await releaseLeases(services, sql, {
    agentId: agent.id,
    reason: `agent ${agent.name} said goodbye`,
    lost: false,
  });
  await setAgentState(sql, agent.id, 'offline');
  return { results, leases: [], grants: [], orders: [] };
}

async function describe(
  services: Services,
  sql: Queryable,
  { agent, results, wanted }: Applied & { readonly wanted: readonly string[] },
): Promise<ExchangeAnswer> {
  const held = await leasesOf(sql, agent.id);
  const leases = held.map((job) => ({
    jobId: job.id,
    epoch: job.epoch,
    acknowledged: job.acknowledged_at !== null,
    cancel: job.cancel,
  }));
  const grants: Grant[] = [];
  for (const job of held.filter((job) => job.acknowledged_at === null || wanted.includes(job.id))) {
    grants.push(await grantOf(services, sql, job));
  }
  return { results, leases, grants, orders: await ordersOf(services, sql, agent.id) };
}

async function applyReports(
  services: Services,
  sql: Queryable,
  { agent, message }: { readonly agent: AgentRow; readonly message: Exchange },
): Promise<ReportResult[]> {
  const known = await answersOf(
    sql,
    message.sessionId,
    message.reports.map((entry) => entry.number),
  );
  const results: ReportResult[] = [];
  for (const { number, report } of message.reports) {
    const before = known.get(number);
    const result = before ?? { number, ...(await applyAlone(services, sql, { agent, report })) };
    if (!before) await keepAnswer(sql, message.sessionId, result);
    results.push(result);
  }
  return results;
}

type Outcome = Pick<ReportResult, 'outcome' | 'reason'>;
const ACCEPTED: Outcome = { outcome: 'accepted', reason: null };

/** A report that cannot be kept is refused alone: it must not hold up everything else of its agent. */
async function applyAlone(
  services: Services,
  sql: Queryable,
  given: { readonly agent: AgentRow; readonly report: Report },
): Promise<Outcome> {
  try {
    return await attempt(sql, () => applyReport(services, sql, given));
  } catch (error) {
    if (isConnectionFailure(error) || isRetryable(error)) throw error;
    services.log.error({ err: error, agent: given.agent.id, report: given.report.kind }, 'report refused');
    return { outcome: 'refused', reason: (error as Error).message };
  }
}

async function applyReport(
  services: Services,
  sql: Queryable,
  { agent, report }: { readonly agent: AgentRow; readonly report: Report },
): Promise<Outcome> {
  // The run before the job: everybody who changes both locks in this order.
  await lockRunOfJob(sql, report.jobId);
  const job = await heldJob(sql, { jobId: report.jobId, agentId: agent.id, epoch: report.epoch });
  if (!job) return keepLate(sql, report);
  switch (report.kind) {
    case 'leaseAcknowledged':
      await acknowledgeLease(sql, job.id);
      return refusedOr(
        await changeRun(services, sql, { runId: job.run_id, event: { kind: 'jobStarted', jobId: job.id } }),
      );
    case 'stepStarted':
      await startAttempt(sql, {
        id: report.attemptId,
        jobId: job.id,
        index: report.index,
        name: report.name,
        agentId: agent.id,
        epoch: report.epoch,
      });
      await appendEvent(sql, {
        topic: 'run',
        subject: job.run_id,
        kind: 'stepStarted',
        data: { job: job.id, step: report.index },
      });
      return ACCEPTED;
    case 'stepFinished':
      return finishStep(sql, job, report);
    case 'jobFinished':
      return refusedOr(
        await changeRun(services, sql, {
          runId: job.run_id,
          event: {
            kind: 'jobEnded',
            jobId: job.id,
            conclusion: report.conclusion,
            outputs: report.outputs,
            reason: report.reason,
          },
        }),
      );
  }
}

function refusedOr(sentence: string | null): Outcome {
  return sentence === null ? ACCEPTED : { outcome: 'refused', reason: sentence };
}

async function finishStep(
  sql: Queryable,
  job: JobRow,
  report: Extract<Report, { kind: 'stepFinished' }>,
): Promise<Outcome> {
  await endAttempt(sql, {
    id: report.attemptId,
    state: report.conclusion,
    counted: true,
    exitCode: report.exitCode,
    signal: report.signal,
    reason: report.reason,
    outputs: report.outputs,
    annotations: report.annotations,
    summary: report.summary,
  });
  if (report.checkpoint) await renewBlob(sql, report.checkpoint, 0);
  await advanceResume(sql, job.id, {
    index: report.index + 1,
    checkpoint: report.checkpoint,
    notPortable: report.notPortable,
  });
  await appendEvent(sql, {
    topic: 'run',
    subject: job.run_id,
    kind: 'stepFinished',
    data: { job: job.id, step: report.index, conclusion: report.conclusion },
  });
  return ACCEPTED;
}

/** The lease is somebody else's by now: the result is kept for the record, marked, never counted. */
async function keepLate(sql: Queryable, report: Report): Promise<Outcome> {
  if (report.kind === 'stepFinished') {
    await sql.query(
      `UPDATE attempt SET counted = false, reason = coalesce(reason, '') || ' (late result, not counted)' WHERE id = $1 AND state = 'lost' AND counted`,
      [report.attemptId],
    );
  }
  return { outcome: 'fenced', reason: 'the lease of this job is held by somebody else' };
}

async function applyObservation(sql: Queryable, agent: AgentRow, seen: InstanceObservation): Promise<void> {
  const changed = await observeInstance(sql, agent.id, seen);
  if (!changed) return;
  if (seen.state === 'ready' && seen.startMs !== null)
    await noteStartTime(sql, changed.releaseId, seen.startMs);
  await hastenDuty(sql, 'environment', changed.environmentId);
  await appendEvent(sql, {
    topic: 'environment',
    subject: changed.environmentId,
    kind: 'instance',
    data: { instance: seen.id, state: seen.state },
  });
}

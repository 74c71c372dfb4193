import type { JobDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import { leasesOf, lockRunOfJob, requeueJob } from '@holdfast/postgres/agent/lease-store.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { appendEvent } from '@holdfast/postgres/events/event-store.ts';
import { loseAttempts } from '@holdfast/postgres/run/attempt-store.ts';
import { findJob, findRun, type JobRow } from '@holdfast/postgres/run/run-store.ts';
import { changeRun } from '../runs/change-run.ts';
import type { Services } from '../services.ts';

/**
 * Takes every job back from an agent and queues it again: from its last checkpoint where it is
 * portable, from its first step where it is not. A step that says `HOLDFAST_ON_LOST: fail` ends the
 * job instead. Losses have a budget of their own.
 */
const LOSSES_ALLOWED = 5;

export async function releaseLeases(
  services: Services,
  sql: Queryable,
  from: { readonly agentId: string; readonly reason: string; readonly lost: boolean },
): Promise<void> {
  for (const { id } of await leasesOf(sql, from.agentId)) {
    await lockRunOfJob(sql, id);
    const job = await findJob(sql, id);
    if (!job || job.agent_id !== from.agentId || job.ended_at !== null) continue;
    const inFlight = await stepInFlight(sql, job);
    await loseAttempts(sql, job.id, from.reason);
    const ending = await endingReason(sql, job, inFlight);
    if (ending !== null) {
      await changeRun(services, sql, {
        runId: job.run_id,
        event: {
          kind: 'jobEnded',
          jobId: job.id,
          conclusion: job.cancel ? 'cancelled' : 'failed',
          outputs: {},
          reason: ending,
        },
      });
      continue;
    }
    await requeueJob(sql, job, { lost: from.lost, fromStart: job.not_portable !== null });
    await appendEvent(sql, {
      topic: 'run',
      subject: job.run_id,
      kind: 'jobLost',
      data: { job: job.id, reason: from.reason, resume: job.not_portable === null ? job.resume_index : 0 },
    });
  }
}

async function stepInFlight(sql: Queryable, job: JobRow): Promise<number | null> {
  const found = await sql.query<{ step_index: number }>(
    'SELECT step_index FROM attempt WHERE job_id = $1 AND ended_at IS NULL ORDER BY step_index DESC LIMIT 1',
    [job.id],
  );
  return found.rows[0]?.step_index ?? null;
}

async function endingReason(sql: Queryable, job: JobRow, inFlight: number | null): Promise<string | null> {
  if (job.cancel) return 'cancelled while its agent was lost';
  if (job.losses >= LOSSES_ALLOWED) return `its agents were lost ${job.losses + 1} times`;
  if (inFlight === null) return null;
  const run = await findRun(sql, job.run_id);
  const definition = run?.definition.jobs.find((candidate) => candidate.key === job.key);
  if (!definition || onLost(definition, inFlight) !== 'fail') return null;
  return `its agent was lost during step ${inFlight + 1}, which says HOLDFAST_ON_LOST: fail`;
}

function onLost(definition: JobDefinition, index: number): string {
  const env = definition.steps[index]?.env;
  if (env === null || typeof env !== 'object' || !('members' in env)) return 'rerun';
  return String(env.members.find(([name]) => name === 'HOLDFAST_ON_LOST')?.[1] ?? 'rerun');
}

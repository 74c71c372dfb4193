import type { JobView, StepView } from '@holdfast/contract/api/resources.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { resumePoint } from '@holdfast/core/pipeline/loss.ts';
import type { JobDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import { findAgent } from '@holdfast/postgres/agent/agent-store.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { ensureDuty, hastenDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { requestOfRollout } from '@holdfast/postgres/rollout/rollout-store.ts';
import { type AttemptRow, attemptsOf, finishedSteps } from '@holdfast/postgres/run/attempt-store.ts';
import { findTrigger, receiveTrigger } from '@holdfast/postgres/run/inbox-store.ts';
import { readLog } from '@holdfast/postgres/run/log-store.ts';
import { findRepository } from '@holdfast/postgres/run/repository-store.ts';
import {
  findJob,
  findRun,
  type JobRow,
  jobsOf,
  listRuns,
  type RunRow,
} from '@holdfast/postgres/run/run-store.ts';
import { changeRun } from '../../runs/change-run.ts';
import type { Services } from '../../services.ts';
import { requireRoom } from '../../triggers/require-room.ts';
import type { Handlers } from '../bind.ts';
import { onePage } from './one-page.ts';
import { rerunRun } from './rerun-run.ts';
import { runSummary, time } from './views.ts';
import { whySentence } from './why.ts';

const DAY_MS = 86_400_000;

export const runHandlers: Handlers = {
  listRuns: async ({ database }, { query }) => {
    const rows = await listRuns(database, {
      limit: query.limit + 1,
      before: query.cursor ?? null,
      repository: query.repository ?? null,
      state: query.state ?? null,
    });
    const { shown, next } = onePage(rows, query.limit, ({ id }) => id);
    return { items: shown.map(runSummary), next };
  },

  startRun: async ({ database, hints }, { body, id: made }) => {
    const repository = await findRepository(database, body.repository);
    if (!repository)
      throw new HoldfastError('repositoryUnknown', `there is no repository ${body.repository}`);
    await requireRoom(database, repository);
    const id = body.id ?? made;
    await database.transaction(async (sql) => {
      await receiveTrigger(sql, {
        id,
        repositoryId: repository.id,
        delivery: `api ${id}`,
        kind: 'dispatch',
        payload: {
          ...(body.ref ? { ref: body.ref } : {}),
          ...(body.workflow ? { workflow: body.workflow } : {}),
          inputs: body.inputs,
        },
      });
      await ensureDuty(sql, 'inbox', repository.id);
      await hastenDuty(sql, 'inbox', repository.id);
    });
    hints.send('duty');
    return { trigger: id };
  },

  showTrigger: async ({ database }, { params }) => {
    const row = await findTrigger(database, params.id);
    if (!row) throw new HoldfastError('runUnknown', `there is no trigger ${params.id}`);
    return { id: row.id, state: row.state, runs: [...row.runs], reason: row.reason };
  },

  showRun: async ({ database }, { params }) => {
    const row = await requireRun(database, params.id);
    const [jobs, attempts] = await Promise.all([jobsOf(database, row.id), attemptsOf(database, row.id)]);
    return {
      ...runSummary(row),
      jobs: await Promise.all(
        jobs.map((job) =>
          jobView(database, { row, job, attempts: attempts.filter((attempt) => attempt.job_id === job.id) }),
        ),
      ),
    };
  },

  cancelRun: async (services, { params, body }) => {
    const sentence = await services.database.transaction(async (sql) => {
      const refused = await changeRun(services, services.pipeline.within(sql), {
        runId: params.id,
        event: { kind: 'cancelRequested', reason: body?.force ? 'cancelled by force' : 'cancelled by hand' },
      });
      if (refused === null && body?.force) await endCancelledJobs(services, sql, params.id);
      return refused;
    });
    if (sentence !== null) throw new HoldfastError('runRefused', sentence);
    for (const hint of ['jobs', 'orders', 'duty', 'events'] as const) services.hints.send(hint);
    return { did: `run ${params.id} is being cancelled` };
  },

  rerunRun: async (services, { params, body, id }) => {
    const { failed = false, from } = body ?? {};
    if (failed && from) throw new HoldfastError('requestInvalid', 'expected failed or from, found both');
    const row = await requireRun(services.database, params.id);
    await rerunRun(services, row, {
      id,
      failed,
      from: from ? { job: from.job, step: from.step ?? null } : null,
    });
    return { run: id };
  },

  answerJob: async (services, { params }) => {
    const job = await findJob(services.database, params.id);
    if (!job) throw new HoldfastError('jobUnknown', `there is no job ${params.id}`);
    const rerun = params.answer === 'approve';
    const refused = await services.pipeline.transaction((tx) =>
      changeRun(services, tx, { runId: job.run_id, event: { kind: 'jobAnswered', jobId: job.id, rerun } }),
    );
    if (refused !== null) throw new HoldfastError('runRefused', refused);
    for (const hint of ['jobs', 'duty', 'events'] as const) services.hints.send(hint);
    return { did: rerun ? `job ${job.name} runs again` : `job ${job.name} has failed` };
  },

  readLog: async ({ database, config }, { params, query }) => {
    const row = await requireRun(database, params.id);
    const jobs = await jobsOf(database, row.id);
    const job = jobs.find(
      (candidate) =>
        candidate.id === params.job || candidate.key === params.job || candidate.name === params.job,
    );
    if (!job)
      throw new HoldfastError(
        'jobUnknown',
        `run ${row.number} has no job ${params.job}, expected one of ${jobs.map((entry) => entry.key).join(', ')}`,
      );
    const attempts = (await attemptsOf(database, row.id)).filter(
      (attempt) => attempt.job_id === job.id && attempt.step_index === params.step,
    );
    const attempt =
      query.attempt === undefined
        ? attempts.at(-1)
        : attempts.find((candidate) => candidate.number === query.attempt);
    if (!attempt) return { text: '', next: 0, ended: job.ended_at !== null };
    const { text, next } = await readLog(database, attempt.id, query.offset);
    const ended = attempt.ended_at !== null && text === '';
    if (
      ended &&
      query.offset === 0 &&
      Date.now() - (attempt.ended_at?.getTime() ?? 0) > config.logDays * DAY_MS
    )
      throw new HoldfastError(
        'logExpired',
        `logs are kept for ${config.logDays} days, and this one is older`,
      );
    return { text, next, ended };
  },

  why: async (services, { params }) => ({ sentence: await whySentence(services, params.id) }),
};

async function requireRun(sql: Queryable, id: string): Promise<RunRow> {
  const row = await findRun(sql, id);
  if (!row) throw new HoldfastError('runUnknown', `there is no run ${id}`);
  return row;
}

async function endCancelledJobs(services: Services, sql: Queryable, runId: string): Promise<void> {
  for (const job of await jobsOf(sql, runId)) {
    if (job.ended_at !== null) continue;
    await abortRolloutsOf(sql, job);
    await changeRun(services, services.pipeline.within(sql), {
      runId,
      event: {
        kind: 'jobEnded',
        jobId: job.id,
        conclusion: 'cancelled',
        outputs: {},
        reason: 'cancelled by force',
      },
    });
  }
}

/** Without its job nobody would watch the rollout that it asked for. */
async function abortRolloutsOf(sql: Queryable, job: JobRow): Promise<void> {
  const asked = await sql.query<{ id: string; environment_id: string }>(
    `SELECT id, environment_id FROM rollout WHERE ended_at IS NULL AND asked_by LIKE $1`,
    [`${job.run_id}/${job.key}/%`],
  );
  for (const rollout of asked.rows) {
    await requestOfRollout(sql, rollout.id, {
      id: `cancel ${job.id}`,
      kind: 'abort',
      reason: 'its run was cancelled by force',
    });
    await hastenDuty(sql, 'environment', rollout.environment_id);
  }
}

interface JobParts {
  readonly row: RunRow;
  readonly job: JobRow;
  readonly attempts: readonly (AttemptRow & { readonly agent: string | null })[];
}

async function jobView(sql: Queryable, { row, job, attempts }: JobParts): Promise<JobView> {
  const definition = row.definition.jobs.find((candidate) => candidate.key === job.key) as JobDefinition;
  const { from, notPortable } = resumePoint(finishedSteps(attempts, job));
  return {
    id: job.id,
    key: job.key,
    name: job.name,
    needs: [...definition.needs],
    state: job.state,
    reason: job.reason,
    agent: job.agent_id ? ((await findAgent(sql, job.agent_id))?.name ?? null) : null,
    resume: {
      step: from,
      portable: notPortable === null,
      why: notPortable,
    },
    asks: job.asks,
    outputs: job.outputs as JobView['outputs'],
    queuedAt: time(job.queued_at),
    startedAt: time(job.started_at),
    endedAt: time(job.ended_at),
    steps: definition.steps.map((_, index) =>
      stepView(definition, { index, attempts: attempts.filter((attempt) => attempt.step_index === index) }),
    ),
  };
}

function stepView(
  definition: JobDefinition,
  { index, attempts }: { readonly index: number; readonly attempts: JobParts['attempts'] },
): StepView {
  const last = attempts.at(-1);
  // The one that counts, whatever was done again after it.
  const told = attempts.findLast(({ counted }) => counted) ?? last;
  const decisive = last?.state === 'running' ? last : told;
  return {
    index,
    name: last?.name ?? nameBeforeRun(definition, index),
    // Between two tries of HOLDFAST_RETRY nothing is decided.
    state:
      !decisive || (decisive.state === 'failed' && !decisive.counted)
        ? 'queued'
        : (decisive.state as StepView['state']),
    attempts: attempts.map((attempt) => ({
      id: attempt.id,
      number: attempt.number,
      agent: attempt.agent,
      state: attempt.state as StepView['attempts'][number]['state'],
      exitCode: attempt.exit_code,
      reason: attempt.reason,
      startedAt: time(attempt.started_at),
      endedAt: time(attempt.ended_at),
    })),
    annotations: [...(told?.annotations ?? [])],
    summary: told?.summary ?? null,
  };
}

function nameBeforeRun(definition: JobDefinition, index: number): string {
  const step = definition.steps[index];
  if (typeof step?.name === 'string') return step.name;
  if (step?.action.kind === 'uses') return `Run ${step.action.uses}`;
  const script =
    step?.action.kind === 'run' && typeof step.action.script === 'string' ? step.action.script : '';
  return `Run ${script.split('\n')[0]}`.trim();
}

import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { resumePoint } from '@holdfast/core/pipeline/loss.ts';
import type { JobDefinition, Run } from '@holdfast/core/pipeline/pipeline.ts';
import { type Again, carriedJobs } from '@holdfast/core/pipeline/rerun.ts';
import { renewCheckpoint } from '@holdfast/postgres/blob/blob-index.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { appendEvent } from '@holdfast/postgres/events/event-store.ts';
import { attemptsOfJob, finishedSteps } from '@holdfast/postgres/run/attempt-store.ts';
import { takeRunNumber } from '@holdfast/postgres/run/repository-store.ts';
import {
  beginJobAt,
  findJob,
  findRun,
  insertRun,
  type JobRow,
  jobOf,
  jobsOf,
  type RunRow,
  saveRun,
} from '@holdfast/postgres/run/run-store.ts';
import { changeRun } from '../../runs/change-run.ts';
import type { Services } from '../../services.ts';

/** What of a run is done anew: all of it, what failed, or everything from a job, or from one of its steps, on. */
export interface RerunAsked {
  readonly id: string;
  readonly failed: boolean;
  readonly from: { readonly job: string; readonly step: string | null } | null;
}

/** Commit, definition and inputs are those of the run before; asked twice under one id it is one run. */
export async function rerunRun(services: Services, row: RunRow, asked: RerunAsked): Promise<void> {
  const { database } = services;
  if (await findRun(database, asked.id)) return;
  if (row.source === '') throw refused('this run never had a valid workflow file; push a mended one');
  const old = await runOf(database, row);
  const again: Again = asked.from
    ? { kind: 'job', job: asked.from.job }
    : { kind: asked.failed ? 'failed' : 'all' };
  const carried = carriedJobs(old, again, newId);
  if (typeof carried === 'string') throw refused(carried);
  await database.transaction(async (sql) => {
    const start = asked.from?.step
      ? await startOf(sql, old, { job: asked.from.job, step: asked.from.step })
      : null;
    const number = await takeRunNumber(sql, row.repository_id);
    const github = { ...row.contexts.github, run_id: asked.id, run_number: String(number) };
    const contexts = { ...row.contexts, github };
    const run: Run = {
      ...old,
      id: asked.id,
      state: 'queued',
      contexts,
      jobs: [],
      cancelRequested: false,
      reason: null,
    };
    await insertRun(sql, {
      run,
      repositoryId: row.repository_id,
      number,
      name: row.name,
      event: row.event,
      ref: row.ref,
      commit: row.commit,
      message: row.message,
      definitionHash: row.definition_hash,
      source: row.source,
      config: row.config,
      schemaFiles: row.schema_files,
    });
    const jobs = carried.map((job) =>
      job.state === 'succeeded' ? { ...job, reason: `carried over from run ${row.number}` } : job,
    );
    await saveRun(sql, run, { ...run, jobs });
    await appendEvent(sql, {
      topic: 'run',
      subject: asked.id,
      kind: 'created',
      data: { repository: row.repository, number, name: row.name },
    });
    await changeRun(services, services.pipeline.within(sql), { runId: asked.id, event: { kind: 'advance' } });
    if (start && !(await beginJobAt(sql, asked.id, start)))
      throw refused(`job ${start.key} needs what is run again; begin at the job, without a step`);
  });
  for (const hint of ['jobs', 'duty', 'events'] as const) services.hints.send(hint);
}

async function runOf(sql: Queryable, row: RunRow): Promise<Run> {
  return {
    id: row.id,
    state: row.state,
    definition: row.definition,
    contexts: row.contexts,
    jobs: (await jobsOf(sql, row.id)).map(jobOf),
    cancelRequested: row.cancel_requested,
    reason: row.reason,
  };
}

/** The last checkpoint before the step; steps between it and the step run again. */
async function startOf(
  sql: Queryable,
  old: Run,
  { job: key, step: wanted }: { readonly job: string; readonly step: string },
): Promise<{ readonly key: string; readonly from: number; readonly checkpoint: string } | null> {
  const jobs = old.jobs.filter((job) => job.key === key);
  const [job] = jobs;
  if (!job || jobs.length > 1)
    throw new HoldfastError('requestInvalid', `job ${key} is a matrix; begin at the job, without a step`);
  const definition = old.definition.jobs.find((candidate) => candidate.key === key) as JobDefinition;
  const index = indexOf(definition, wanted);
  if (index === 0) return null;
  const begun = (await findJob(sql, job.id)) as JobRow;
  const finished = finishedSteps(await attemptsOfJob(sql, job.id), begun).filter(
    (step) => step.index < index,
  );
  const { from, checkpoint, notPortable } = resumePoint(finished);
  if (notPortable !== null) throw refused(`job ${key} can only begin at its first step: ${notPortable}`);
  if (checkpoint === null || !(await renewCheckpoint(sql, checkpoint)))
    throw refused(
      `no checkpoint before step ${index + 1} of job ${key} is kept; begin at the job, without a step`,
    );
  return { key, from, checkpoint };
}

/** By its id, or its number, counted from 1. */
function indexOf({ key, steps }: JobDefinition, step: string): number {
  const named = steps.findIndex(({ id }) => id === step);
  const index = named >= 0 ? named : /^\d+$/.test(step) ? Number(step) - 1 : -1;
  if (index >= 0 && index < steps.length) return index;
  throw new HoldfastError(
    'requestInvalid',
    `job ${key} has no step ${step}, expected its id, or a number from 1 to ${steps.length}`,
  );
}

function refused(sentence: string): HoldfastError {
  return new HoldfastError('runRefused', sentence);
}

import { findEnvironment, readConfig } from '@holdfast/contract/config/read-config.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import type { Job, JobDefinition, StepDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import { isEnded } from '@holdfast/core/pipeline/pipeline.ts';
import { isFinal } from '@holdfast/core/rollout/rollout.ts';
import { lockRunOfJob } from '@holdfast/postgres/agent/lease-store.ts';
import { attempt, type Queryable } from '@holdfast/postgres/database.ts';
import { type Duty, dropDuty, holdDuty } from '@holdfast/postgres/duty/duty-store.ts';
import type { ArtifactRow } from '@holdfast/postgres/release/artifact-store.ts';
import {
  type RolloutRow,
  requestOfRollout,
  rolloutAskedBy,
} from '@holdfast/postgres/rollout/rollout-store.ts';
import { attemptsOfJob, endAttempt, startAttempt } from '@holdfast/postgres/run/attempt-store.ts';
import {
  findJob,
  findRun,
  type JobRow,
  jobOf,
  jobsOf,
  type RunRow,
} from '@holdfast/postgres/run/run-store.ts';
import { textMembers, textOf } from '@holdfast/workflow/expressions.ts';
import { valuesOf } from '../agents/grants.ts';
import { artifactNamed } from '../releases/find-artifact.ts';
import { startDeploy } from '../releases/start-rollout.ts';
import { verifyArtifact } from '../releases/verify-artifact.ts';
import type { Services } from '../services.ts';
import { changeRun } from './change-run.ts';
import { logRollout } from './log-rollout.ts';

/**
 * A job whose steps are the controller's own (deploy): no agent, no slot. Each look moves it one
 * step on; a rollout is found again by (run, job, step, matrix), so any replica can go on.
 */
const LOOK_MS = 300;

interface ControllerJob {
  readonly row: RunRow;
  readonly jobs: readonly Job[];
  readonly job: JobRow;
  readonly definition: JobDefinition;
  readonly checked: Checked;
}

export async function performControllerJob(services: Services, duty: Duty): Promise<number | null> {
  const checked: Checked = new Map();
  for (;;) {
    const looked = await services.database.transaction((sql) => look(services, sql, { duty, checked }));
    if (looked === null || typeof looked === 'number') {
      for (const hint of ['events', 'duty', 'jobs', 'run'] as const) services.hints.send(hint);
      return looked;
    }
    // Reading gigabytes again is not for a transaction.
    checked.set(looked.verify.digest, await problemOf(services, looked.verify));
  }
}

/** What this look verified: null is as it should be, a sentence is why not. */
type Checked = Map<string, string | null>;

async function problemOf(services: Services, artifact: ArtifactRow): Promise<string | null> {
  try {
    await verifyArtifact(services, artifact);
    return null;
  } catch (error) {
    if (error instanceof HoldfastError && error.kind !== 'unavailable') return error.message;
    throw error;
  }
}

interface NeedsVerification {
  readonly verify: ArtifactRow;
}

async function look(
  services: Services,
  sql: Queryable,
  { duty, checked }: { readonly duty: Duty; readonly checked: Checked },
): Promise<number | null | NeedsVerification> {
  if (!(await holdDuty(sql, duty))) return 0;
  await lockRunOfJob(sql, duty.id);
  const job = await findJob(sql, duty.id);
  if (!job || isEnded(job.state)) {
    await dropDuty(sql, duty.kind, duty.id);
    return null;
  }
  const row = (await findRun(sql, job.run_id)) as RunRow;
  const definition = row.definition.jobs.find((candidate) => candidate.key === job.key) as JobDefinition;
  if (job.state === 'queued') {
    await changeRun(services, services.pipeline.within(sql), {
      runId: row.id,
      event: { kind: 'jobStarted', jobId: job.id },
    });
  }
  const jobs = (await jobsOf(sql, row.id)).map(jobOf);
  return step(services, sql, { row, jobs, job, definition, checked });
}

async function step(
  services: Services,
  sql: Queryable,
  at: ControllerJob,
): Promise<number | NeedsVerification> {
  const attempts = await attemptsOfJob(sql, at.job.id);
  const index = attempts.filter((attempt) => attempt.ended_at !== null).length;
  const failed = attempts.some((attempt) => attempt.state === 'failed');
  const current = at.definition.steps[index];
  if (!current) {
    const conclusion = at.job.cancel ? 'cancelled' : failed ? 'failed' : 'succeeded';
    const reason = attempts.find((attempt) => attempt.state === 'failed')?.reason ?? null;
    await changeRun(services, services.pipeline.within(sql), {
      runId: at.row.id,
      event: { kind: 'jobEnded', jobId: at.job.id, conclusion, outputs: {}, reason },
    });
    return 0;
  }
  const running = attempts.find((attempt) => attempt.step_index === index && attempt.ended_at === null);
  const attemptId = running?.id ?? newId();
  const status = { success: !failed && !at.job.cancel, failure: failed, cancelled: at.job.cancel };
  const values = valuesOf(at);
  const begin = (name: string) =>
    startAttempt(sql, { id: attemptId, jobId: at.job.id, index, name, agentId: null, epoch: at.job.epoch });
  const end = (state: string, reason: string | null) =>
    endAttempt(sql, {
      id: attemptId,
      jobId: at.job.id,
      state,
      exitCode: null,
      signal: null,
      reason,
      outputs: {},
      annotations: [],
      summary: null,
    });
  try {
    const given = textOf(services.expressions.value(current.name, values, status));
    const inputs = textMembers(services.expressions.value(withOf(current), values, status));
    const wanted = running !== undefined || services.expressions.condition(current.condition, values, status);
    if (!running) await begin(given || `Run ${usesOf(current)}`);
    if (wanted) return await deployStep(services, sql, { at, current, index, attemptId, end, inputs });
    await end('skipped', null);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ExpressionError') throw error;
    if (!running) await begin(`Run ${usesOf(current)}`);
    await end('failed', error.message);
  }
  return 0;
}

function usesOf(current: StepDefinition): string {
  return current.action.kind === 'uses' ? current.action.uses : '';
}

function withOf(current: StepDefinition) {
  return current.action.kind === 'uses' ? current.action.with : null;
}

interface DeployStep {
  readonly at: ControllerJob;
  readonly current: StepDefinition;
  readonly index: number;
  readonly attemptId: string;
  readonly end: (state: string, reason: string | null) => Promise<void>;
  readonly inputs: Record<string, string>;
}

async function deployStep(
  services: Services,
  sql: Queryable,
  deploy: DeployStep,
): Promise<number | NeedsVerification> {
  const { at, index, attemptId, end, inputs } = deploy;
  const askedBy = `${at.row.id}/${at.job.key}/${index}/${at.job.matrix_index}`;
  const rollout = await rolloutAskedBy(sql, askedBy);
  if (!rollout)
    return at.job.cancel
      ? endNow(end, 'cancelled')
      : beginDeploy(services, sql, { at, askedBy, inputs, end });
  await logRollout(sql, rollout, attemptId);
  if (at.job.cancel && !isFinal(rollout.state)) {
    await requestOfRollout(sql, rollout.id, {
      id: `cancel ${at.job.id}`,
      kind: 'abort',
      reason: `run ${at.row.number} was cancelled`,
    });
    services.hints.send('duty');
  }
  if (!isFinal(rollout.state)) return LOOK_MS;
  await end(
    rollout.state === 'done' ? 'succeeded' : 'failed',
    rollout.state === 'done' ? null : sentenceOf(rollout),
  );
  return 0;
}

async function endNow(end: DeployStep['end'], state: string): Promise<number> {
  await end(state, null);
  return 0;
}

function sentenceOf(rollout: RolloutRow): string {
  return `the rollout ${rollout.state}${rollout.data.reason ? `: ${rollout.data.reason}` : ''}`;
}

interface Beginning {
  readonly at: ControllerJob;
  readonly askedBy: string;
  readonly inputs: Record<string, string>;
  readonly end: DeployStep['end'];
}

async function beginDeploy(
  services: Services,
  sql: Queryable,
  { at, askedBy, inputs, end }: Beginning,
): Promise<number | NeedsVerification> {
  try {
    if (at.row.config === null) {
      throw new HoldfastError(
        'configInvalid',
        'holdfast/deploy needs a holdfast.yaml in the repository, and this commit has none',
      );
    }
    const found = findEnvironment(readConfig('holdfast.yaml', at.row.config), inputs.environment ?? '');
    const artifact = await artifactNamed(sql, inputs.artifact ?? '');
    const problem = at.checked.get(artifact.digest);
    if (problem === undefined) return { verify: artifact };
    if (problem !== null) throw new HoldfastError('artifactTampered', problem);
    const repository = { id: at.row.repository_id, name: at.row.repository };
    // A refusal takes back what was written on the way to it.
    await attempt(sql, () =>
      startDeploy(services, sql, {
        app: found.app,
        environment: found.environment,
        config: found.config,
        artifact,
        askedBy,
        repository,
        commit: at.row.commit,
        schemaFiles: at.row.schema_files,
        automatedSince: at.row.created_at,
        token: null,
      }),
    );
    return LOOK_MS;
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.kind === 'unavailable') throw error;
    await end('failed', error.located);
    return 0;
  }
}

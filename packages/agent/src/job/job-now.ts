import { join } from 'node:path';
import type { Grant } from '@holdfast/contract/agent/protocol.ts';
import { LONGEST_TIMER_MS, msSince } from '../steps/clock.ts';
import { LogStream } from '../steps/log-stream.ts';
import type { Masks } from '../steps/masks.ts';
import type { StepRun } from '../steps/run-step.ts';
import { evaluateEnv, expressionsIn, type StepScope, statusOf, valuesOf } from '../steps/step-world.ts';
import type { JobFolder } from './job-folder.ts';
import type { JobState, RunningStep } from './job-state.ts';
import type { JobWorld } from './job-world.ts';

/** A job as it stands before one of its steps. */
export interface JobNow {
  readonly world: JobWorld;
  readonly grant: Grant;
  readonly folder: JobFolder;
  readonly state: JobState;
  readonly masks: Masks;
  readonly cancelled: boolean;
  /** Ends the step that runs. */
  readonly stopped: AbortSignal;
}

export interface StepTry {
  readonly index: number;
  readonly attemptId: string;
  /** How often it was tried before. */
  readonly tries: number;
}

const JOB_MINUTES = 360;

/** What is left of its timeout-minutes; GitHub's six hours where it says nothing, or nothing sensible. */
export function timeLeftMs(
  { grant, folder, state }: Pick<JobNow, 'grant' | 'folder' | 'state'>,
  running: RunningStep | null,
): number {
  const { timeoutMinutes } = grant.definition;
  const told = expressionsIn(folder).value(timeoutMinutes, grant.values as never, statusOf(state, false));
  const minutes = Number(told ?? JOB_MINUTES) || JOB_MINUTES;
  const runs = running?.began === undefined ? 0 : msSince(running.began);
  return Math.min(Math.max(0, minutes * 60_000 - state.spentMs - runs), LONGEST_TIMER_MS);
}

/** What a step is given to run with. Each try has a folder of its own. */
export function stepRunOf(
  { world, grant, folder, state, masks, cancelled, stopped }: JobNow,
  { index, attemptId, tries }: StepTry,
): StepRun {
  const status = statusOf(state, cancelled);
  const agentWorld = { grant, folder, agentName: world.agentName };
  const expressions = expressionsIn(folder);
  const bare: StepScope = { steps: state.steps, inputs: null, env: {}, actionPath: null };
  const workflowEnv = evaluateEnv(expressions, grant.workflowEnv, {
    values: valuesOf(agentWorld, bare, status),
    status,
  });
  const jobEnv = evaluateEnv(expressions, grant.definition.env, {
    values: valuesOf(agentWorld, { ...bare, env: workflowEnv }, status),
    status,
  });
  return {
    world: agentWorld,
    scope: { ...bare, env: { ...workflowEnv, ...jobEnv, ...state.env } },
    path: state.path,
    status,
    expressions,
    masks,
    log: new LogStream((chunk) =>
      world.client.appendLog({ jobId: grant.jobId, epoch: grant.epoch, attemptId, index, ...chunk }),
    ),
    dir: join(folder.steps, tries === 0 ? String(index) : `${index}.${tries}`),
    patienceSeconds: world.patienceSeconds,
    identityFile: world.identityFile,
    user: world.user,
    spoolBytes: world.spoolBytes,
    stopped,
  };
}

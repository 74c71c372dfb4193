import { HoldfastError } from '@holdfast/contract/errors.ts';
import { formatDuration, formatShare } from '@holdfast/core/kernel/quantity.ts';
import { labelsMatch } from '@holdfast/core/pipeline/labels.ts';
import { isProvision, resumePoint } from '@holdfast/core/pipeline/loss.ts';
import { isEnded } from '@holdfast/core/pipeline/pipeline.ts';
import { isFinal } from '@holdfast/core/rollout/rollout.ts';
import { listAgents } from '@holdfast/postgres/agent/agent-store.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { parkedReason, RUN } from '@holdfast/postgres/duty/duty-store.ts';
import { findRollout, type RolloutRow } from '@holdfast/postgres/rollout/rollout-store.ts';
import { attemptsOfJob, finishedSteps } from '@holdfast/postgres/run/attempt-store.ts';
import {
  definitionOf,
  findJob,
  findRun,
  type JobRow,
  jobsOf,
  type RunRow,
} from '@holdfast/postgres/run/run-store.ts';
import type { Services } from '../../services.ts';

type WhyWorld = Pick<Services, 'database' | 'leasesStopped'>;

interface Asked {
  readonly sql: Queryable;
  /** Why nobody is given work at all. */
  readonly stopped: string | null;
}

/** Why is this waiting: one honest sentence about a run, a job or a rollout. */
export async function whySentence({ database: sql, leasesStopped }: WhyWorld, id: string): Promise<string> {
  const world = { sql, stopped: await leasesStopped() };
  const run = await findRun(sql, id);
  if (run) return whyRun(world, run);
  const job = await findJob(sql, id);
  if (job) return whyJob(world, job);
  const rollout = await findRollout(sql, id);
  if (rollout) return whyRollout(sql, rollout);
  throw new HoldfastError('runUnknown', `there is no run, job or rollout ${id}`);
}

async function whyRun(world: Asked, run: RunRow): Promise<string> {
  if (isEnded(run.state))
    return `Run ${run.number} does not wait: it has ${run.state}${run.reason ? `, ${run.reason}` : ''}.`;
  const parked = await parkedReason(world.sql, RUN, run.id);
  if (parked !== null)
    return `Run ${run.number} is parked: it could not be decided, again and again (${parked}). It is tried again when a controller starts.`;
  const live = (await jobsOf(world.sql, run.id)).filter((job) => !isEnded(job.state));
  const sentences = await Promise.all(live.map((job) => whyJob(world, job)));
  return sentences.join(' ') || `Run ${run.number} is being started.`;
}

async function whyJob({ sql, stopped }: Asked, job: JobRow): Promise<string> {
  if (isEnded(job.state))
    return `Job ${job.name} does not wait: it has ${job.state}${job.reason ? `, ${job.reason}` : ''}.`;
  if (job.lane === 'controller') return `Job ${job.name} waits for its rollout.`;
  if (job.state === 'running') return runningSentence(sql, job);
  if (job.asks !== null)
    return `Job ${job.name} asks: ${job.asks}. Say holdfast approve ${job.id} to run it again, or holdfast reject ${job.id}.`;
  if (job.state === 'waiting')
    return `Job ${job.name} waits for its turn: max-parallel of its matrix is ${job.max_parallel}.`;
  if (job.agent_id !== null)
    return `Job ${job.name} was just given to an agent, which has not confirmed it yet.`;
  if (stopped !== null) return `Job ${job.name} waits: no work is given out, because ${stopped}.`;
  return `${await queuedSentence(sql, job)}${job.losses > 0 ? ` It will ${await resumeText(sql, job)}.` : ''}`;
}

async function runningSentence(sql: Queryable, job: JobRow): Promise<string> {
  const lost = job.losses > 0 ? ` Its agents were lost, or gave it back, ${job.losses} times.` : '';
  return `Job ${job.name} is running. If its agent were lost it would ${await resumeText(sql, job)}.${lost}`;
}

async function resumeText(sql: Queryable, job: JobRow): Promise<string> {
  const attempts = await attemptsOfJob(sql, job.id);
  const { from, notPortable } = resumePoint(finishedSteps(attempts, job));
  if (notPortable !== null) return `start again from its first step, because ${notPortable}`;
  if (from === 0) return 'start from its first step, because no step has finished yet';
  const { steps } = await definitionOf(sql, job);
  // One that was skipped is not done again; of those before the step that the job was begun at nothing is known here.
  const wasDone = (index: number) => {
    const own = attempts.find(({ step_index, counted }) => step_index === index && counted);
    return own === undefined || own.state === 'succeeded';
  };
  const again = steps.flatMap((step, index) =>
    index < from && isProvision(step) && wasDone(index) ? [index + 1] : [],
  );
  const first =
    again.length > 0 ? `, after ${again.map((step) => `step ${step}`).join(', ')} was done again there` : '';
  return `go on at step ${from + 1} on another agent${first}`;
}

async function queuedSentence(sql: Queryable, job: JobRow): Promise<string> {
  const agents = await listAgents(sql);
  const wanted = job.labels.join(', ') || '(none)';
  const fit = agents.filter((agent) => labelsMatch(job.labels, agent.labels));
  if (agents.length === 0)
    return `Job ${job.name} waits: no agent has ever connected. Start one with holdfast agent.`;
  if (fit.length === 0) return `Job ${job.name} waits: no agent has the labels ${wanted}.`;
  const online = fit.filter((agent) => agent.state === 'online');
  if (online.length === 0)
    return `Job ${job.name} waits: the ${fit.length} agents with the labels ${wanted} are ${[...new Set(fit.map((agent) => agent.state))].join(' or ')}.`;
  const working = online.filter((agent) => agent.intent === 'work');
  if (working.length === 0) return `Job ${job.name} waits: every fitting agent is paused or draining.`;
  if (working.every((agent) => agent.busy >= agent.slots))
    return `Job ${job.name} waits: all ${working.reduce((sum, agent) => sum + agent.slots, 0)} slots of the fitting agents are busy.`;
  const willing = working.filter((agent) => agent.holdsBack === null);
  if (willing.length === 0)
    return `Job ${job.name} waits: ${working.map((agent) => `agent ${agent.name} holds back, because ${agent.holdsBack}`).join('; ')}.`;
  return `Job ${job.name} is about to be taken by an agent.`;
}

async function whyRollout(sql: Queryable, row: RolloutRow): Promise<string> {
  const { data } = row;
  if (isFinal(data.state))
    return `The rollout does not wait: it is ${data.state}${data.reason ? `, ${data.reason}` : ''}.`;
  const parked = await parkedReason(sql, 'environment', row.environment_id);
  if (parked) return `The rollout is parked: its duty failed too often (${parked}).`;
  const held = formatDuration(Date.now() - data.stateSince);
  const share = formatShare(data.weight);
  switch (data.state) {
    case 'planned':
    case 'awaitingApproval':
      return `The rollout waits for ${held}: ${data.reason ?? 'another one lets go of the traffic first'}.`;
    case 'expanding':
    case 'ready':
      if (data.reason !== null) return `The rollout ${data.reason}, for ${held}.`;
      return `The rollout is ${data.state} at ${share}, for ${held}.`;
    case 'aborting':
      return data.weight > 0
        ? `The rollout waits until stable is whole again, for ${held}; the candidate serves ${share} until then.`
        : `The rollout waits until every router has let go of the candidate, for ${held}.`;
    case 'starting':
      return `The rollout waits for candidate instances to become ready, for ${held}.`;
    case 'shifting':
      return `The rollout waits until every router has acknowledged ${share}.`;
    case 'analysing':
      return `The rollout watches ${share} of the traffic for ${held}: ${data.judgement?.sentence ?? 'nothing judged yet'}.`;
    case 'held':
      return `The rollout is held at ${share}: ${data.reason}. Advance or abort it.`;
    case 'paused':
      return `The rollout was paused at ${share}. Resume it.`;
    default:
      return `The rollout is ${data.state} at ${share}, for ${held}.`;
  }
}

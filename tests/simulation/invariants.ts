import { isEnded, type RunState } from '@holdfast/core/pipeline/pipeline.ts';
import type { AttemptFacts, Facts } from './backend.ts';
import type { World } from './world.ts';

/** What must hold after every event, whatever went wrong. */
export class Invariants {
  private readonly world: World;
  private readonly counted = new Set<string>();
  private readonly ended = new Map<string, string>();

  constructor(world: World) {
    this.world = world;
  }

  check(facts: Facts): void {
    const jobs = new Map(facts.jobs.map((job) => [job.id, job]));
    const steps = new Set<string>();
    for (const attempt of facts.attempts) {
      if (!attempt.counted) continue;
      const step = `step ${attempt.index} of job ${attempt.jobId}`;
      if (steps.has(step)) this.world.violated(`${step} is counted twice`);
      steps.add(step);
      if (this.world.notCounted.has(attempt.id))
        this.world.violated(`${step} is counted though it was told to be done again`);
      if (attempt.state === 'running' || attempt.state === 'lost')
        this.world.violated(`${step} is counted though its attempt is ${attempt.state}`);
      if (this.counted.has(attempt.id)) continue;
      this.counted.add(attempt.id);
      const epoch = jobs.get(attempt.jobId)?.epoch ?? 0;
      if (attempt.epoch !== epoch)
        this.world.violated(`${step} was counted under epoch ${attempt.epoch} while the lease had ${epoch}`);
    }
    for (const thing of [...facts.runs, ...facts.jobs]) this.stayEnded(thing);
  }

  private stayEnded({ id, state }: { readonly id: string; readonly state: string }): void {
    const before = this.ended.get(id);
    if (before !== undefined && before !== state)
      this.world.violated(`${id} had ${before} and is ${state} now`);
    if (isEnded(state as RunState)) this.ended.set(id, state);
  }
}

/** What must hold when everything was healed and given time. */
export function checkEnd(
  world: World,
  facts: Facts,
  /** Events old enough to have been placed and read. */
  readable: readonly number[],
): void {
  const runs = new Map(facts.runs.map((run) => [run.id, run]));
  for (const id of world.runIds) {
    const run = runs.get(id);
    if (!run) world.violated(`the acknowledged trigger ${id} has no run`);
    else if (!isEnded(run.state as RunState))
      world.violated(`run ${id} is ${run.state} long after everything was healed`);
  }
  if (facts.runs.length !== world.runIds.length)
    world.violated(`${world.runIds.length} triggers made ${facts.runs.length} runs`);
  for (const attempt of facts.attempts)
    if (world.notCounted.has(attempt.id) && attempt.state !== 'lost' && attempt.state !== 'running')
      checkLog(world, facts, attempt);
  for (const job of facts.jobs)
    if (job.state === 'succeeded') checkJob(world, { facts, jobId: job.id, key: job.key });
  for (const job of facts.jobs)
    if (job.state === 'failed' && !/was not run again|agents were lost/.test(job.reason ?? ''))
      world.violated(`job ${job.id} failed because ${job.reason}`);
  for (const id of readable)
    if (world.read.get(id) !== 1) world.violated(`event ${id} was read ${world.read.get(id) ?? 0} times`);
}

/** Each step counted once, with its whole log. */
function checkJob(
  world: World,
  { facts, jobId, key }: { readonly facts: Facts; readonly jobId: string; readonly key: string },
): void {
  const steps = Number(/-(\d+)-steps$/.exec(key)?.[1] ?? 1);
  const counted = facts.attempts.filter(
    (attempt: AttemptFacts) => attempt.jobId === jobId && attempt.counted,
  );
  const indexes = counted.map((attempt) => attempt.index).sort((a, b) => a - b);
  if (indexes.join() !== Array.from({ length: steps }, (_, index) => index).join())
    world.violated(`job ${jobId} succeeded with the steps ${indexes.join()} of ${steps}`);
  const workspace = world.workspaces.get(jobId);
  const left = counted.sort((a, b) => a.index - b.index).map((attempt) => attempt.id);
  if (workspace && workspace.join() !== left.join())
    world.violated(`job ${jobId} ended with a workspace that its counted steps did not make`);
  for (const attempt of counted) checkLog(world, facts, attempt);
}

function checkLog(world: World, { logs }: Facts, { id, index, jobId }: AttemptFacts): void {
  if (logs.get(id) !== `log of ${id}\n`)
    world.violated(`the log of step ${index} of job ${jobId} is "${logs.get(id) ?? ''}"`);
}

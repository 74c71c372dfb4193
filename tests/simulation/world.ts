import type { AgentMessage } from '@holdfast/controller/agents/exchange.ts';
import { decide } from '@holdfast/core/pipeline/decide.ts';
import type { LivenessTimers } from '@holdfast/core/pipeline/liveness.ts';
import { plainExpressions } from '@holdfast/testkit/plain-expressions.ts';
import { type SampleJob, sampleRun, sampleWorkflow } from '@holdfast/testkit/sample-runs.ts';
import type { Backend } from './backend.ts';
import { Network } from './network.ts';
import type { Plant } from './plants.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import { SimAgent, type SimAnswer } from './sim-agent.ts';
import { SimController } from './sim-controller.ts';
import { type Shim, SimMachine } from './sim-machine.ts';

/** Everything there is in one seed, and what it has seen that must never be. */
export interface WorldParts {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly backend: Backend;
  readonly plant: Plant | null;
}

const TIMERS: LivenessTimers = { suspectMs: 6_000, lostMs: 10_000 };

export class World {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly backend: Backend;
  readonly plant: Plant | null;
  readonly network: Network;
  readonly timers = TIMERS;
  /** null: this replica is down. */
  readonly controllers: (SimController | null)[] = [];
  readonly machines: SimMachine[] = [];
  readonly runIds: string[] = [];
  readonly rates: { readonly notPortable: number; readonly spoilt: number; readonly fails: number };
  /** HOLDFAST_ON_RESTORE: the indexes of steps that change their machine, in every job. */
  readonly provisions: readonly number[];
  /** Attempts that were told to be done again: a try that failed, a step for a machine. */
  readonly notCounted = new Set<string>();
  readonly violations: string[] = [];
  readonly trail: string[] = [];
  /** What each reader of events got, by id. */
  readonly read = new Map<number, number>();
  /** What the steps of finished jobs left behind. */
  readonly workspaces = new Map<string, readonly string[]>();
  private readPosition = 0;
  private readonly shims: Shim[] = [];
  private readonly checkpoints = new Map<string, readonly string[]>();

  constructor({ scheduler, random, backend, plant }: WorldParts) {
    this.scheduler = scheduler;
    this.random = random;
    this.backend = backend;
    this.plant = plant;
    this.network = new Network(this);
    this.rates = {
      notPortable: random.chance(0.3) ? 0.1 : 0,
      spoilt: random.chance(0.3) ? 0.1 : 0,
      fails: random.chance(0.3) ? 0.2 : 0,
    };
    this.provisions = random.pick([[], [], [0], [0, 2]]);
    const controllers = random.between(1, 3);
    for (let number = 0; number < controllers; number += 1) this.controllers.push(new SimController(this));
    const machines = random.between(1, 4);
    for (let number = 0; number < machines; number += 1) {
      const machine = new SimMachine(this, `machine-${number}`);
      machine.agent = new SimAgent(this, machine);
      this.machines.push(machine);
    }
    scheduler.every(
      300,
      () => void this.readEvents(),
      () => true,
    );
  }

  note(what: string): void {
    this.trail.push(`${((this.scheduler.now - 1_000_000) / 1000).toFixed(3)} ${what}`);
  }

  violated(what: string): void {
    this.note(`VIOLATED ${what}`);
    this.violations.push(what);
  }

  stepMs(): number {
    return this.random.chance(0.2) ? 0 : this.random.between(50, this.random.chance(0.1) ? 20_000 : 3_000);
  }

  offer(): void {
    for (const { agent } of this.machines) agent?.askAll();
  }

  /** A trigger, told until somebody acknowledged it; its id makes telling it twice one run. */
  async trigger(id: string, jobs: readonly SampleJob[]): Promise<void> {
    const decided = decide(
      sampleRun(id, sampleWorkflow(jobs)),
      { kind: 'advance' },
      {
        expressions: plainExpressions,
        newId: () => this.random.id(),
      },
    );
    if (!decided.ok) throw new Error(decided.refusal.sentence);
    const { run } = decided.value;
    await this.scheduler.during(() => this.backend.addRun(run, this.random.pick(['shop', 'desk'])));
    this.runIds.push(id);
    this.offer();
  }

  async exchange(controller: SimController, message: AgentMessage): Promise<SimAnswer> {
    const answer = await controller.exchange(message);
    const granted =
      this.plant === 'grantNotSentAgain'
        ? answer.granted.filter(({ jobId }) => !message.wanted.includes(jobId) && this.firstTime(jobId))
        : answer.granted;
    const grants = [];
    const gone: string[] = [];
    for (const { jobId, epoch } of granted) {
      const job = await this.backend.job(jobId);
      if (job && job.epoch === epoch)
        grants.push({
          jobId,
          epoch,
          runId: job.runId,
          steps: this.stepsOf(job.key),
          from: job.from,
          checkpoint: job.checkpoint,
        });
      else gone.push(jobId);
    }
    return { ...answer, grants, gone };
  }

  private readonly grantedOnce = new Set<string>();
  private firstTime(jobId: string): boolean {
    const known = this.grantedOnce.has(jobId);
    this.grantedOnce.add(jobId);
    return !known;
  }

  /** A job's key says how many steps it has: `job-1-of-7-steps`. */
  private stepsOf(key: string): number {
    return Number(/-(\d+)-steps$/.exec(key)?.[1] ?? 1);
  }

  /** A grant is sent again until it is acknowledged: protocol §2. */
  checkFullAnswer(answer: SimAnswer): void {
    for (const lease of answer.leases)
      if (
        !lease.acknowledged &&
        !answer.gone.includes(lease.jobId) &&
        !answer.grants.some((grant) => grant.jobId === lease.jobId)
      )
        this.violated(`the unacknowledged lease of job ${lease.jobId} came without its grant`);
  }

  keep(workspace: readonly string[]): string {
    const id = this.random.id();
    if (!this.random.chance(this.rates.spoilt)) this.checkpoints.set(id, workspace);
    return id;
  }

  restore(checkpoint: string): readonly string[] | null {
    return this.checkpoints.get(checkpoint) ?? null;
  }

  /** One step in two places only while the first one's agent lives, cut off from everybody. */
  shimStarted(shim: Shim): void {
    this.note(`${shim.machine.name} starts step ${shim.index} of ${shim.jobId.slice(0, 8)}`);
    for (const other of this.shims) {
      if (other.jobId !== shim.jobId || other.index !== shim.index || other.state !== 'running') continue;
      const { agentGoneSince, agent } = other.machine;
      if (
        other.machine !== shim.machine &&
        !agent &&
        agentGoneSince !== null &&
        this.scheduler.now - agentGoneSince > this.timers.lostMs
      )
        this.violated(`step ${shim.index} of job ${shim.jobId} runs twice though its first agent is gone`);
      if (other.machine === shim.machine && other !== shim)
        this.violated(`step ${shim.index} of job ${shim.jobId} runs twice on ${shim.machine.name}`);
    }
    this.shims.push(shim);
  }

  private readEvents(): Promise<void> {
    return this.scheduler.during(async () => {
      const byId = this.plant === 'readerOnId';
      const seen = byId
        ? await this.backend.eventsAboveId(this.readPosition)
        : await this.backend.eventsAfter(this.readPosition);
      for (const { id, position } of seen) {
        this.read.set(id, (this.read.get(id) ?? 0) + 1);
        this.readPosition = Math.max(this.readPosition, byId ? id : position);
      }
    });
  }
}

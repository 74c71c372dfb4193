import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Exchanged } from '@holdfast/controller/agents/exchange.ts';
import { hearLeases } from '@holdfast/core/pipeline/holding.ts';
import type { LogPiece, Report } from '@holdfast/core/pipeline/reports.ts';
import { finished } from '@holdfast/testkit/sample-reports.ts';
import type { JobFile, Shim, SimMachine } from './sim-machine.ts';
import type { World } from './world.ts';

/**
 * One life of an agent's process, as packages/agent does it: everything is on disk before it matters,
 * one exchange is in flight, a step begins when the one before is known to a controller.
 */
export interface SimGrant {
  readonly jobId: string;
  readonly epoch: number;
  readonly runId: string;
  readonly steps: number;
  readonly from: number;
  readonly checkpoint: string | null;
}

export interface SimAnswer extends Exchanged {
  readonly grants: readonly SimGrant[];
  /** Leases that had been taken back when their grants were made. */
  readonly gone: readonly string[];
}

const HEARTBEAT_MS = 3_000;
const TIMEOUT_MS = 10_000;
const SLOTS = 2;

interface LiveJob {
  readonly jobId: string;
  readonly epoch: number;
  stopped: boolean;
}

export class SimAgent {
  alive = true;
  private readonly world: World;
  private readonly machine: SimMachine;
  private readonly sessionId: string;
  private signs = 0;
  private readonly jobs = new Map<string, LiveJob>();
  private readonly heard = new Map<number, (outcome: string) => void>();
  private queue: { readonly number: number; readonly report: Report; readonly log: LogPiece | null }[] = [];
  private number = 0;
  private greeted = false;
  private asksAll = true;
  private wanted: readonly string[];
  private inFlight = 0;
  private failures = 0;
  private favourite = 0;
  private paused = false;
  private behind: (() => void)[] = [];

  constructor(world: World, machine: SimMachine) {
    this.world = world;
    this.machine = machine;
    this.sessionId = world.random.id();
    this.wanted = [...machine.disk.jobs.keys()];
    for (const { report, log } of machine.disk.reports.splice(0)) this.say(report, log);
    machine.agentGoneSince = null;
    this.later(0, () => this.speak());
    this.world.scheduler.every(
      HEARTBEAT_MS,
      () => this.act(() => this.askAll()),
      () => this.alive,
    );
  }

  get agentId(): string {
    return this.machine.disk.agentId;
  }

  die(): void {
    this.alive = false;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    for (const action of this.behind.splice(0)) action();
  }

  askAll(): void {
    this.asksAll = true;
    this.speak();
  }

  shimEnded(shim: Shim): void {
    this.act(() => {
      const job = this.jobs.get(shim.jobId);
      const file = this.machine.disk.jobs.get(shim.jobId);
      if (job && !job.stopped && file?.running?.attemptId === shim.attemptId)
        this.finishStep(job, file, shim);
    });
  }

  /** Now, or when the process goes on; never after its death. */
  private act(action: () => void): void {
    if (!this.alive) return;
    if (this.paused) this.behind.push(() => this.act(action));
    else action();
  }

  private later(ms: number, action: () => void): void {
    this.world.scheduler.after(ms, () => this.act(action));
  }

  private speak(): void {
    if (this.inFlight > 0) return;
    this.inFlight = this.world.random.between(1, 1_000_000_000);
    const turn = this.inFlight;
    const full = this.asksAll;
    const over = (heard: () => void) => {
      if (this.inFlight !== turn) return;
      this.inFlight = 0;
      heard();
    };
    const failed = (error?: unknown) => this.act(() => over(() => this.retry(error)));
    this.later(TIMEOUT_MS, () => over(() => this.retry()));
    if (!this.greeted) {
      const hello = {
        id: this.agentId,
        name: this.machine.name,
        sessionId: this.sessionId,
        labels: ['linux'],
      };
      const described = { ...hello, zone: '', slots: SLOTS, host: false, address: '' };
      const greeted = () => this.act(() => over(() => this.wasGreeted()));
      return this.world.network.call(
        this.machine,
        this.favourite,
        (controller) => controller.hello(described),
        greeted,
        failed,
      );
    }
    this.asksAll = false;
    const entries = this.queue.slice(0, 200);
    const message = {
      agentId: this.agentId,
      sessionId: this.sessionId,
      number: ++this.signs,
      full,
      freeSlots: full ? Math.max(0, SLOTS - this.jobs.size) : 0,
      reports: entries.map(({ number, report }) => ({ number, report })),
      logs: entries.flatMap(({ log }) => (log ? [log] : [])),
      wanted: this.wanted,
      bye: false,
      holdsBack: null,
    };
    const answered = (answer: SimAnswer) => this.act(() => over(() => this.hear(answer, full)));
    this.world.network.call(
      this.machine,
      this.favourite,
      (controller) => this.world.exchange(controller, message),
      answered,
      failed,
    );
  }

  private wasGreeted(): void {
    this.greeted = true;
    this.askAll();
  }

  private retry(error?: unknown): void {
    this.failures += 1;
    this.asksAll = true;
    this.favourite += 1;
    if (error instanceof HoldfastError && error.code === 'agentUnknown') this.greeted = false;
    this.later(Math.min(5_000, 200 * 2 ** Math.min(this.failures, 5)), () => this.speak());
  }

  private hear(answer: SimAnswer, full: boolean): void {
    this.failures = 0;
    if (full) this.world.checkFullAnswer(answer);
    const answered = new Map(answer.results.map((result) => [result.number, result.outcome]));
    this.queue = this.queue.filter((entry) => !answered.has(entry.number));
    this.save();
    const mine = new Map([...this.jobs].map(([id, job]) => [id, job.epoch]));
    const heard = hearLeases(mine, this.wanted, answer);
    for (const [number, outcome] of answered) {
      this.heard.get(number)?.(outcome);
      this.heard.delete(number);
    }
    for (const id of heard.fence) this.stop(id);
    for (const id of heard.cancel) this.cancel(id);
    for (const id of heard.drop) this.forget(id);
    for (const grant of heard.take) this.take(grant);
    this.wanted = heard.wanted;
    if (this.wanted.length > 0) this.asksAll = true;
    if (this.queue.length > 0 || this.asksAll)
      this.later(this.world.random.between(0, 20), () => this.speak());
  }

  private say(
    report: Report,
    log: LogPiece | null = null,
    heard: (outcome: string) => void = () => {},
  ): void {
    if (report.kind === 'stepFinished')
      this.queue = this.queue.filter(
        ({ report: one }) => one.kind !== 'stepStarted' || one.attemptId !== report.attemptId,
      );
    this.number += 1;
    this.queue.push({ number: this.number, report, log });
    this.heard.set(this.number, heard);
    this.save();
    this.later(0, () => this.speak());
  }

  private save(): void {
    this.machine.disk.reports.splice(
      0,
      Number.POSITIVE_INFINITY,
      ...this.queue.map(({ report, log }) => ({ report, log })),
    );
  }

  private take(grant: SimGrant): void {
    const { jobId, epoch } = grant;
    const job: LiveJob = { jobId, epoch, stopped: false };
    this.jobs.set(jobId, job);
    this.say({ kind: 'leaseAcknowledged', jobId, epoch });
    const kept = this.machine.disk.jobs.get(jobId);
    if (kept?.epoch === epoch) return this.goOn(job, kept);
    this.machine.killShims(jobId);
    const workspace = grant.checkpoint === null ? [] : this.world.restore(grant.checkpoint);
    if (workspace === null) return this.giveBack(job, grant.checkpoint, 'the checkpoint is gone');
    const { runId, steps, from } = grant;
    const toDoAgain = this.world.provisions.filter((index) => index < from);
    const file: JobFile = {
      epoch,
      runId,
      steps,
      next: from,
      portable: true,
      toDoAgain,
      workspace,
      running: null,
    };
    this.machine.disk.jobs.set(jobId, file);
    this.startStep(job, file);
  }

  /** After a restart: the shim is found again, running, ended or abandoned. */
  private goOn(job: LiveJob, file: JobFile): void {
    if (!file.running) return this.startStep(job, file);
    const shim = this.machine.shimOf(job.jobId, file.running.index);
    if (shim?.state === 'running') return;
    if (shim?.state === 'ended') return this.finishStep(job, file, shim);
    this.giveBack(job, null, 'its agent was gone for too long');
  }

  private startStep(job: LiveJob, file: JobFile): void {
    const { jobId, epoch } = job;
    const index = file.toDoAgain[0] ?? file.next;
    if (index >= file.steps) return this.finishJob(job, file);
    const attemptId = this.world.random.id();
    file.running = { index, attemptId };
    this.say({ kind: 'stepStarted', jobId, epoch, attemptId, index, name: `step ${index}` });
    this.machine.startShim({
      jobId,
      index,
      attemptId,
      endsAt: this.world.scheduler.now + this.world.stepMs(),
    });
  }

  private finishStep(job: LiveJob, file: JobFile, shim: Shim): void {
    const { jobId, epoch } = job;
    const { attemptId, index } = shim;
    const { random } = this.world;
    const next = (outcome: string) => {
      if (job.stopped) return;
      if (outcome === 'accepted') this.startStep(job, file);
      else this.stop(jobId);
    };
    const log = { attemptId, offset: 0, text: `log of ${attemptId}\n` };
    const fails = random.chance(this.world.rates.fails);
    const again = fails || file.toDoAgain[0] === index;
    if (again) {
      const conclusion = fails ? 'failed' : 'succeeded';
      if (!fails) file.toDoAgain = file.toDoAgain.slice(1);
      file.running = null;
      this.world.notCounted.add(attemptId);
      const report = finished({ jobId, epoch }, index, { attemptId, conclusion, outcome: conclusion, again });
      return this.say(report, log, next);
    }
    file.workspace = [...file.workspace.slice(0, index), attemptId];
    file.portable &&= !random.chance(this.world.rates.notPortable);
    const keeps = file.portable && random.chance(0.8) && index + 1 < file.steps;
    const checkpoint = keeps ? this.world.keep(file.workspace) : null;
    const notPortable = file.portable ? null : 'simulated';
    const report = finished({ jobId, epoch }, index, { attemptId, checkpoint, notPortable });
    // Before the report leaves: an agent that dies here finds the step ended, not running.
    file.next = index + 1;
    file.running = null;
    this.say(report, log, next);
  }

  private finishJob(job: LiveJob, file: JobFile): void {
    const { jobId, epoch } = job;
    const report: Report = {
      kind: 'jobFinished',
      jobId,
      epoch,
      conclusion: 'succeeded',
      outputs: {},
      reason: null,
    };
    this.say(report, null, (outcome) => {
      if (outcome === 'accepted') this.world.workspaces.set(jobId, file.workspace);
      this.stop(jobId);
    });
  }

  private giveBack(job: LiveJob, checkpoint: string | null, reason: string): void {
    const { jobId, epoch } = job;
    job.stopped = true;
    this.say({ kind: 'leaseReturned', jobId, epoch, checkpoint, reason }, null, () => this.stop(jobId));
  }

  private cancel(jobId: string): void {
    const job = this.jobs.get(jobId);
    if (!job || job.stopped) return;
    job.stopped = true;
    this.machine.killShims(jobId);
    const { epoch } = job;
    this.say(
      { kind: 'jobFinished', jobId, epoch, conclusion: 'cancelled', outputs: {}, reason: null },
      null,
      () => this.stop(jobId),
    );
  }

  private stop(jobId: string): void {
    const job = this.jobs.get(jobId);
    if (job) job.stopped = true;
    this.jobs.delete(jobId);
    this.forget(jobId);
    this.asksAll = true;
    this.later(0, () => this.speak());
  }

  private forget(jobId: string): void {
    this.machine.killShims(jobId);
    this.machine.disk.jobs.delete(jobId);
  }
}

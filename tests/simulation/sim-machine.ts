import type { SimAgent } from './sim-agent.ts';
import type { World } from './world.ts';

/**
 * A machine: what survives the agent's process. The disk keeps job files, reports that nobody has
 * answered and the agent's id; shims run steps on, until their agent was gone for too long.
 */
export interface JobFile {
  readonly epoch: number;
  readonly runId: string;
  readonly steps: number;
  next: number;
  portable: boolean;
  /** HOLDFAST_ON_RESTORE: steps before `next` that this machine has not seen yet. */
  toDoAgain: readonly number[];
  /** What the steps so far left behind: the attempts that ran, in order. */
  workspace: readonly string[];
  running: { readonly index: number; readonly attemptId: string } | null;
}

export interface Shim {
  readonly jobId: string;
  readonly index: number;
  readonly attemptId: string;
  readonly machine: SimMachine;
  readonly endsAt: number;
  state: 'running' | 'ended' | 'abandoned' | 'killed';
}

export interface Disk {
  agentId: string;
  readonly jobs: Map<string, JobFile>;
  readonly reports: {
    report: import('@holdfast/core/pipeline/reports.ts').Report;
    log: import('@holdfast/core/pipeline/reports.ts').LogPiece | null;
  }[];
}

export class SimMachine {
  readonly name: string;
  disk: Disk;
  readonly shims = new Map<string, Shim>();
  agent: SimAgent | null = null;
  agentGoneSince: number | null = null;
  private readonly world: World;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.disk = { agentId: world.random.id(), jobs: new Map(), reports: [] };
    world.scheduler.every(
      1_000,
      () => this.watch(),
      () => true,
    );
  }

  startShim(shim: Omit<Shim, 'machine' | 'state'>): void {
    const running: Shim = { ...shim, machine: this, state: 'running' };
    this.shims.set(`${shim.jobId} ${shim.index}`, running);
    this.world.shimStarted(running);
    this.world.scheduler.after(shim.endsAt - this.world.scheduler.now, () => {
      if (running.state !== 'running') return;
      running.state = 'ended';
      this.agent?.shimEnded(running);
    });
  }

  shimOf(jobId: string, index: number): Shim | undefined {
    return this.shims.get(`${jobId} ${index}`);
  }

  killShims(jobId: string): void {
    for (const [key, shim] of this.shims) {
      if (shim.jobId !== jobId) continue;
      if (shim.state === 'running') shim.state = 'killed';
      this.shims.delete(key);
    }
  }

  /** Power or cable: everything that runs here is gone; the disk may be, too. */
  lose(diskToo: boolean): void {
    this.agent?.die();
    this.agent = null;
    for (const shim of this.shims.values()) if (shim.state === 'running') shim.state = 'killed';
    this.shims.clear();
    this.agentGoneSince = this.world.scheduler.now;
    if (diskToo) this.disk = { agentId: this.world.random.id(), jobs: new Map(), reports: [] };
  }

  killAgent(): void {
    this.agent?.die();
    this.agent = null;
    this.agentGoneSince = this.world.scheduler.now;
  }

  /** The shims' watchdog. */
  private watch(): void {
    const patience = this.world.timers.lostMs - 3_000;
    if (
      this.agent ||
      this.agentGoneSince === null ||
      this.world.scheduler.now - this.agentGoneSince < patience
    )
      return;
    for (const shim of this.shims.values()) if (shim.state === 'running') shim.state = 'abandoned';
  }
}

import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InstanceObservation, Order } from '@holdfast/contract/agent/protocol.ts';
import { isStale } from '@holdfast/core/kernel/fence.ts';
import { giveTree } from '../shim/give-tree.ts';
import {
  isAlive,
  isClaimed,
  killGroup,
  type ShimEnd,
  type StepUser,
  startShim,
  waitForEnd,
} from '../shim/shim.ts';
import { openStepFile } from '../steps/step-files.ts';
import type { ArtifactCache } from './artifact-cache.ts';
import { askReadiness, type Readiness } from './readiness.ts';
import { rotate } from './rotate.ts';
import { SessionCheck } from './session-check.ts';

/**
 * One instance of a release on this machine, under a shim that outlives the agent.
 *
 *   starting ─▶ ready ⇄ unready ─▶ draining ─▶ stopped
 *       └──────────┴──────────────────────────▶ crashed
 */
export interface InstanceWorld {
  readonly root: string;
  readonly artifacts: ArtifactCache;
  readonly identityFile: string;
  readonly user: StepUser | null;
  readonly changed: () => void;
}

const FAILURES_UNTIL_UNREADY = 3;

export class HostedInstance {
  private order: Order;
  private readonly world: InstanceWorld;
  private state: InstanceObservation['state'] = 'starting';
  private reason: string | null = null;
  private port: number | null = null;
  private startMs: number | null = null;
  private shallow: boolean | null = null;
  private stopping = false;
  private readonly session = new SessionCheck();
  private ended = false;

  constructor(world: InstanceWorld, order: Order) {
    this.world = world;
    this.order = order;
  }

  get id(): string {
    return this.order.id;
  }

  get isOver(): boolean {
    return this.ended;
  }

  observation(): InstanceObservation {
    const { id, generation, epoch } = this.order;
    return {
      id,
      generation,
      epoch,
      state: this.state,
      port: this.port,
      reason: this.reason,
      startMs: this.startMs,
      shallow: this.shallow,
    };
  }

  /** A newer order for the same instance; an older fence is refused. */
  follow(order: Order): void {
    if (isStale(order, this.order)) return;
    this.order = order;
    if (order.desired === 'drain' && this.state === 'ready') this.become('draining', null);
    if (order.desired === 'stop') void this.stop();
  }

  /** Starts, or finds the running one again. Resolves when the instance is over. */
  async live(): Promise<void> {
    try {
      const startedAt = performance.now();
      if (isClaimed(this.dir)) this.attachAgain();
      else if (this.order.desired === 'stop' || !(await this.start())) return this.over();
      const end = waitForEnd(this.dir);
      const watching = this.watchReadiness(startedAt);
      const how = await end;
      this.ended = true;
      await watching;
      this.become(this.stopping ? 'stopped' : 'crashed', this.stopping ? null : await this.crashReason(how));
    } catch (error) {
      this.ended = true;
      this.become('crashed', (error as Error).message);
    }
  }

  private over(): void {
    this.ended = true;
    this.become('stopped', null);
  }

  /** SIGTERM, the grace, SIGKILL. */
  async stop(): Promise<void> {
    if (this.stopping) return;
    this.stopping = true;
    killGroup(this.dir, 'SIGTERM');
    const deadline = performance.now() + this.order.graceMs;
    while (!this.ended && performance.now() < deadline) await sleep(50);
    if (!this.ended) killGroup(this.dir, 'SIGKILL');
  }

  async forget(): Promise<void> {
    killGroup(this.dir, 'SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }

  private get folder(): string {
    return join(this.world.root, this.order.id);
  }

  private get home(): string {
    return join(this.folder, 'home');
  }

  private get dir(): string {
    return join(this.folder, 'shim');
  }

  /** False: it was told to stop before it had begun. */
  private async start(): Promise<boolean> {
    const { order, world } = this;
    const cwd = await world.artifacts.folder(order.artifact.digest);
    if (this.stopping) return false;
    this.port = await freePort();
    await mkdir(this.folder, { recursive: true, mode: 0o711 });
    await mkdir(this.home, { recursive: true, mode: 0o700 });
    await giveTree(this.home, world.user);
    // Neither environment nor login of a test user stay on disk: they may be secrets.
    const { env: _, ...rest } = order;
    const kept = { ...rest, readiness: { ...rest.readiness, session: null } };
    writeFileSync(
      join(this.folder, 'order.tmp'),
      JSON.stringify({ order: { ...kept, env: {} }, port: this.port }),
      { mode: 0o600 },
    );
    renameSync(join(this.folder, 'order.tmp'), join(this.folder, 'order.json'));
    const base = {
      PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
      LANG: process.env.LANG ?? 'C.UTF-8',
      HOME: this.home,
    };
    await startShim(this.dir, {
      words: order.command,
      cwd,
      env: { ...base, HOLDFAST_GRACE_MS: String(order.graceMs), ...order.env, PORT: String(this.port) },
      patienceSeconds: 0,
      identityFile: world.identityFile,
      user: world.user,
    });
    if (this.stopping) killGroup(this.dir, 'SIGKILL');
    return true;
  }

  /** A running instance that was ready stays ready until it fails: an agent's restart is none of its doing. */
  private attachAgain(): void {
    this.port = this.readPort();
    if (this.order.desired === 'run' && existsSync(this.readyMark)) this.state = 'ready';
  }

  private get readyMark(): string {
    return join(this.folder, 'ready');
  }

  private readPort(): number | null {
    const file = join(this.folder, 'order.json');
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { port: number }).port : null;
  }

  private async watchReadiness(startedAt: number): Promise<void> {
    let good = 0;
    let bad = 0;
    while (!this.ended && !this.stopping) {
      const answer = await this.askWhetherReady();
      if (this.ended || this.stopping) return;
      if (answer.ready) this.hearShallow(answer.shallow);
      good = answer.ready ? good + 1 : 0;
      bad = answer.ready ? 0 : bad + 1;
      if (good >= this.order.readiness.successes && this.state !== 'ready' && this.order.desired === 'run') {
        this.startMs ??= Math.round(performance.now() - startedAt);
        this.become('ready', this.session.doubt);
      }
      if (!answer.ready && this.state === 'ready' && bad >= FAILURES_UNTIL_UNREADY)
        this.become('unready', answer.reason);
      if (!answer.ready && this.state !== 'ready') this.become(this.state, answer.reason);
      await rotate(join(this.dir, 'output'), join(this.folder, 'output.1')).catch(() => {});
      await sleep(
        this.state === 'starting'
          ? Math.min(250, this.order.readiness.intervalMs)
          : this.order.readiness.intervalMs,
      );
    }
  }

  private hearShallow(shallow: boolean): void {
    if (this.shallow === shallow) return;
    this.shallow = shallow;
    if (this.state === 'ready') this.world.changed();
  }

  private async askWhetherReady(): Promise<Readiness> {
    const port = this.port ?? 0;
    const answer = await askReadiness(port, this.order);
    const reason = answer.ready ? await this.session.hindrance(port, this.order) : null;
    return reason === null ? answer : { ready: false, reason };
  }

  private become(state: InstanceObservation['state'], reason: string | null): void {
    if (this.state === state && this.reason === reason) return;
    if (state === 'ready') this.mark();
    else if (this.state === 'ready') rmSync(this.readyMark, { force: true });
    this.state = state;
    this.reason = reason;
    this.world.changed();
  }

  /** A full disk costs the mark, which only the agent's next process asks for. */
  private mark(): void {
    try {
      writeFileSync(this.readyMark, '');
    } catch {}
  }

  /** How it ended and the last thing it said. */
  private async crashReason(how: ShimEnd): Promise<string> {
    const output = await readTail(join(this.dir, 'output'));
    const last = output.trimEnd().split('\n').at(-1)?.slice(0, 300);
    const ended =
      how.kind === 'exit'
        ? `it exited with code ${how.code}`
        : how.kind === 'signal'
          ? `it was ended by ${how.signal}`
          : 'it was killed';
    return last ? `${ended}: ${last}` : ended;
  }

  static isLeftRunning(root: string, id: string): boolean {
    return isAlive(join(root, id, 'shim'));
  }
}

async function readTail(file: string): Promise<string> {
  const handle = await openStepFile(file);
  if (!handle) return '';
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.min(size, 4_096));
    await handle.read(buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8');
  } finally {
    await handle.close();
  }
}

/** A port that is free now; another process may take it before the instance does, which then crashes and is replaced. */
function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

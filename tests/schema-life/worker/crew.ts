import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../chaos/until.ts';
import type { StateKeeper } from '../life/state-keeper.ts';
import { type Scene, signal, startChild } from '../scene.ts';
import { isAsleep } from './is-asleep.ts';
import type { Arm, Loaded, Question, Saved, Struck } from './question.ts';
import type { WorkerSettings } from './worker.ts';

/** The workers of one migration: the newest, and those that were put to sleep and wake up late. */
export interface CrewParts extends Omit<WorkerSettings, 'fence'> {
  readonly scene: Scene;
  readonly keeper: StateKeeper;
  readonly armFor: (crew: Crew) => Arm | null;
  readonly struck: (id: number, crew: Crew) => void;
  readonly died: (sentence: string) => void;
}

const WAKE_LIMIT_MS = 10_000;

export class Crew {
  private readonly parts: CrewParts;
  private newest: ChildProcess | null = null;
  private readonly alive = new Set<ChildProcess>();
  private readonly asleep = new Set<ChildProcess>();

  constructor(parts: CrewParts) {
    this.parts = parts;
  }

  start(): void {
    const { scene, keeper, name, url, yaml } = this.parts;
    keeper.fence += 1;
    const { fence } = keeper;
    const child = startChild(scene, './worker/worker.ts', { name, url, yaml, fence });
    this.newest = child;
    this.alive.add(child);
    child.on('message', (said: Question | Struck) => this.hear(child, fence, said));
    child.once('exit', (code, by) => {
      this.alive.delete(child);
      this.asleep.delete(child);
      // It ends by itself when there is a newer one; anything else is an error of its own.
      if (by !== 'SIGKILL' && (code !== 0 || child === this.newest))
        this.parts.died(`worker ${fence} ended by itself (${by ?? `exit ${code}`})`);
    });
  }

  goOn(): void {
    signal(this.newest?.pid, 'SIGCONT');
  }

  kill(alreadyDead: boolean): void {
    if (!alreadyDead) signal(this.newest?.pid, 'SIGKILL');
    this.newest = null;
  }

  /** It sleeps with whatever it held; somebody else is started, and then it goes on where it was. */
  pause(alreadyAsleep: boolean, ms: number): void {
    const child = this.newest;
    this.newest = null;
    if (!child) return;
    if (!alreadyAsleep) signal(child.pid, 'SIGSTOP');
    this.asleep.add(child);
    setTimeout(() => this.wake(child), ms).unref();
  }

  /** Those that slept wake up and do what they still can; then nobody has a fence that counts. */
  async end(): Promise<void> {
    this.newest = null;
    this.parts.keeper.fence += 1;
    for (const child of this.asleep) this.wake(child);
    const gone = Promise.all([...this.alive].map((child) => once(child, 'exit')));
    await Promise.race([gone, sleep(WAKE_LIMIT_MS, null, { ref: false })]);
    for (const child of this.alive) signal(child.pid, 'SIGKILL');
  }

  private wake(child: ChildProcess): void {
    this.asleep.delete(child);
    signal(child.pid, 'SIGCONT');
  }

  private hear(child: ChildProcess, fence: number, said: Question | Struck): void {
    if ('struck' in said) return void this.struck(child, said);
    const answer = said.ask === 'load' ? this.load(child, said.number) : this.save(fence, said);
    if (child.connected) child.send(answer, () => {});
  }

  /** It says so before it does it: woken before it slept, it would sleep for ever. */
  private async struck({ pid = 0 }: ChildProcess, { struck }: Struck): Promise<void> {
    await until('the worker to do it', () => isAsleep(pid), { limitMs: 10_000, everyMs: 1 }).catch(
      (error: Error) => this.parts.died(error.message),
    );
    this.parts.struck(struck, this);
  }

  private load(child: ChildProcess, number: number): Loaded {
    const { migration, revision, wish } = this.parts.keeper;
    const arm = child === this.newest ? this.parts.armFor(this) : null;
    return { number, migration, revision, wish, arm };
  }

  private save(fence: number, { number, revision, migration }: Question & { ask: 'save' }): Saved {
    return { number, saved: this.parts.keeper.save({ fence, revision, migration }) };
  }
}

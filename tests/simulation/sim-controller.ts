import { type AgentMessage, type Exchanged, exchange } from '@holdfast/controller/agents/exchange.ts';
import { lookAtAgents } from '@holdfast/controller/agents/liveness.ts';
import { NewsGroup } from '@holdfast/controller/agents/news-group.ts';
import { SignsOfLife } from '@holdfast/controller/agents/signs.ts';
import { changeRun } from '@holdfast/controller/runs/change-run.ts';
import { Settler } from '@holdfast/controller/runs/settler.ts';
import type { AgentHello } from '@holdfast/core/pipeline/ports.ts';
import { plainExpressions } from '@holdfast/testkit/plain-expressions.ts';
import pino from 'pino';
import { FaultyStore } from './faulty-store.ts';
import type { World } from './world.ts';

/** One life of a controller: the real parts, on a store and a clock that may fail them. */
const LOOK_MS = 500;
const SILENT = pino({ level: 'silent' });

export class SimController {
  readonly store: FaultyStore;
  alive = true;
  private readonly world: World;
  private readonly signs = new SignsOfLife();
  private readonly group: NewsGroup;
  private readonly settler: Settler;
  private readonly tools;
  private paused: { readonly until: Promise<void>; readonly end: () => void } | null = null;

  constructor(world: World) {
    this.world = world;
    const { scheduler, random, backend } = world;
    this.tools = { expressions: plainExpressions, newId: () => random.id() };
    this.store = new FaultyStore(backend.store, { scheduler, random, gate: () => this.gate() });
    this.group = new NewsGroup(this.store, SILENT);
    const hint = (name: string) => {
      if (name === 'jobs' && this.alive) world.offer();
    };
    this.settler = new Settler({ store: this.store, tools: this.tools, hint, log: SILENT });
    const { timers } = world;
    this.every(LOOK_MS, () =>
      lookAtAgents({ store: this.store, tools: this.tools, timers, hint, log: SILENT }),
    );
    this.every(1_000, () => this.signs.flush(this.store));
    this.every(1_000, () => this.settler.scan());
    this.every(200, () => backend.placeEvents());
  }

  pause(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.paused ??= { until: promise, end: resolve };
  }

  resume(): void {
    this.paused?.end();
    this.paused = null;
  }

  die(): void {
    this.alive = false;
    this.resume();
  }

  async hello(agent: AgentHello): Promise<void> {
    await this.gate();
    await this.store.transaction((tx) => tx.greet(agent));
  }

  async exchange(message: AgentMessage): Promise<Exchanged> {
    await this.gate();
    this.signs.note(message);
    const { store, group, settler, tools } = this;
    return exchange(
      { store, group, settler, tools, leasesStopped: async () => null, moved: () => {} },
      message,
    );
  }

  /** A person's answer to a job's question. */
  async answer(runId: string, jobId: string, rerun: boolean): Promise<void> {
    await this.gate();
    await this.store.transaction((tx) =>
      changeRun(this.tools, tx, { runId, event: { kind: 'jobAnswered', jobId, rerun } }),
    );
  }

  async cancel(runId: string): Promise<void> {
    await this.gate();
    await this.store.transaction((tx) =>
      changeRun(this.tools, tx, { runId, event: { kind: 'cancelRequested', reason: 'simulated' } }),
    );
  }

  /** A dead one never goes on: whoever waits for it waits in vain. */
  private async gate(): Promise<void> {
    if (this.paused) await this.paused.until;
    if (!this.alive) await new Promise<never>(() => {});
  }

  private every(ms: number, work: () => Promise<void>): void {
    let running = false;
    const tick = () => {
      if (running || this.paused) return;
      running = true;
      work()
        .catch(() => {})
        .finally(() => {
          running = false;
        });
    };
    this.world.scheduler.every(ms, tick, () => this.alive);
  }
}

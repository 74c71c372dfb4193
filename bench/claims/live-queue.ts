import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '@holdfast/contract/id.ts';
import { NewsGroup } from '@holdfast/controller/agents/news-group.ts';
import { Settler } from '@holdfast/controller/runs/settler.ts';
import type { LeaseKey } from '@holdfast/core/pipeline/ports.ts';
import type { Report } from '@holdfast/core/pipeline/reports.ts';
import { Database } from '@holdfast/postgres/database.ts';
import { PostgresPipeline } from '@holdfast/postgres/pipeline-store.ts';
import { plainExpressions } from '@holdfast/testkit/plain-expressions.ts';
import { finished } from '@holdfast/testkit/sample-reports.ts';
import { sampleWorkflow } from '@holdfast/testkit/sample-runs.ts';
import pino from 'pino';
import { queueRun } from '../orchestrator/queue-run.ts';

/**
 * A queue that lives: two hundred jobs wait, two hundred a second are claimed, acknowledged, held for
 * a moment and finished, and each is replaced. Stores, group commit and settler are the product's;
 * only the agents and HTTP are not there.
 */
const WAITING = 200;
const EVERY_MS = 5;
const HELD_MS = 250;
const AGENTS = 50;
/** More claims than this in flight: the queue cannot keep up, and more of them would only wait here. */
const IN_FLIGHT = 100;
const DEFINITION = sampleWorkflow([{ key: 'job', steps: 1 }]);
const TOOLS = { expressions: plainExpressions, newId };

interface Worker {
  readonly agentId: string;
  readonly sessionId: string;
}

export class LiveQueue {
  readonly counts = { claims: 0, empty: 0, finished: 0, refused: 0, skipped: 0, failed: 0 };
  private readonly databases: readonly [pipeline: Database, news: Database, arrivals: Database];
  private readonly store: PostgresPipeline;
  private readonly group: NewsGroup;
  private readonly settler: Settler;
  private workers: readonly Worker[] = [];
  private repositories: readonly string[] = [];
  private made = 0;
  private number = 0;
  private inFlight = 0;
  private stopped = false;
  private readonly jobs = new Set<Promise<void>>();

  private constructor(url: string) {
    const log = pino({ level: 'silent' });
    const open = (connections: number, genericPlans = false) =>
      new Database(url, { connections, name: 'bench', genericPlans });
    this.databases = [open(10), open(2, true), open(2)];
    const [database, newsLane] = this.databases;
    this.store = new PostgresPipeline(database, { jobsPerRepository: 1_000, newsLane });
    this.group = new NewsGroup(this.store, log);
    this.settler = new Settler({ store: this.store, tools: TOOLS, hint: () => {}, log });
  }

  static async start(url: string): Promise<LiveQueue> {
    const queue = new LiveQueue(url);
    const found = await queue.databases[2].query<{ id: string }>('SELECT id FROM repository ORDER BY name');
    queue.repositories = found.rows.map((row) => row.id);
    queue.workers = await Promise.all(Array.from({ length: AGENTS }, (_, index) => queue.greet(index)));
    for (let waiting = 0; waiting < WAITING; waiting += 1) await queue.arrive();
    return queue;
  }

  /** What each claim took, begun at a steady pace whether the ones before are done or not. */
  async claimFor(ms: number): Promise<number[]> {
    const samples: number[] = [];
    const startedAt = performance.now();
    const claims: Promise<void>[] = [];
    for (let tick = 0; tick * EVERY_MS < ms; tick += 1) {
      const waitMs = startedAt + tick * EVERY_MS - performance.now();
      if (waitMs > 0) await sleep(waitMs);
      if (this.inFlight >= IN_FLIGHT) this.counts.skipped += 1;
      else claims.push(this.claim(this.workers[tick % AGENTS] as Worker, samples));
    }
    await Promise.all(claims);
    return samples;
  }

  /** Until what was claimed has ended and every run has heard of it. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.jobs);
    await this.settler.idle();
  }

  /** Jobs whose end agents have told and no run has heard of yet. */
  async unsettledJobs(): Promise<number> {
    const found = await this.databases[2].query<{ jobs: number }>(
      'SELECT count(*)::int AS jobs FROM job WHERE reported IS NOT NULL AND ended_at IS NULL',
    );
    return found.rows[0]?.jobs ?? 0;
  }

  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    await this.settled();
    for (const database of this.databases) await database.close();
  }

  private async greet(index: number): Promise<Worker> {
    const worker = { agentId: newId(), sessionId: newId() };
    const { agentId: id, sessionId } = worker;
    const described = { labels: ['linux'], zone: '', slots: 10, host: false, address: '' };
    await this.store.transaction((tx) => tx.greet({ id, sessionId, name: `bench-${index}`, ...described }));
    return worker;
  }

  /** As controller/agents/exchange.ts claims. */
  private async claim(worker: Worker, samples: number[]): Promise<void> {
    this.inFlight += 1;
    const startedAt = performance.now();
    try {
      const leases = await this.store.transaction(async (tx) => {
        const agent = await tx.agent(worker.agentId);
        return tx.claim({ agentId: worker.agentId, labels: agent?.labels ?? [], slots: 1, standBackMs: 0 });
      });
      samples.push(performance.now() - startedAt);
      this.counts.claims += 1;
      if (leases.length === 0) this.counts.empty += 1;
      for (const lease of leases) this.follow(worker, lease);
    } catch {
      this.counts.failed += 1;
    } finally {
      this.inFlight -= 1;
    }
  }

  private follow(worker: Worker, lease: LeaseKey): void {
    const job = this.perform(worker, lease)
      .catch(() => {
        this.counts.failed += 1;
      })
      .finally(() => this.jobs.delete(job));
    this.jobs.add(job);
  }

  private async perform(worker: Worker, lease: LeaseKey): Promise<void> {
    await Promise.all([this.arrive(), this.tell(worker, [{ kind: 'leaseAcknowledged', ...lease }])]);
    await sleep(HELD_MS);
    await this.tell(worker, [
      finished(lease, 0, { durationMs: HELD_MS }),
      { kind: 'jobFinished', ...lease, conclusion: 'succeeded', outputs: {}, reason: null },
    ]);
    this.counts.finished += 1;
  }

  private async tell(worker: Worker, reports: readonly Report[]): Promise<void> {
    const numbered = reports.map((report) => {
      this.number += 1;
      return { number: this.number, report };
    });
    const answer = await this.group.tell({ ...worker, reports: numbered, logs: [] });
    this.counts.refused += answer.results.filter((result) => result.outcome !== 'accepted').length;
    this.settler.hear(answer.unsettled);
  }

  private async arrive(): Promise<void> {
    this.made += 1;
    const repositoryId = this.repositories[this.made % this.repositories.length] as string;
    const run = { definition: DEFINITION, repositoryId, number: this.made };
    await queueRun(this.databases[2], run, TOOLS);
    // As a controller does when it hears the hint that follows.
    this.store.queueChanged();
  }
}

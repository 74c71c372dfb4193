import { newId } from '@holdfast/contract/id.ts';
import type { Run } from '@holdfast/core/pipeline/pipeline.ts';
import type { LeaseKey, PipelineStore } from '@holdfast/core/pipeline/ports.ts';
import type { AgentNews, Report } from '@holdfast/core/pipeline/reports.ts';
import { queuedRun } from './sample-runs.ts';

/** A store with what the contract asks beside the port: how a run gets in, and what is kept of attempts. */
export interface PipelineWorld {
  readonly store: PipelineStore;
  addRun(run: Run, repository: string): Promise<void>;
  attempts(jobId: string): Promise<readonly AttemptSeen[]>;
  logOf(attemptId: string): Promise<string>;
}

export interface AttemptSeen {
  readonly id: string;
  readonly index: number;
  readonly state: string;
  readonly counted: boolean;
  readonly late: boolean;
}

export type MakeWorld = (options: { readonly jobsPerRepository: number }) => Promise<PipelineWorld>;

/** A world and the few things that nearly every test of the contract does with it. */
export class PipelineBench {
  readonly world: PipelineWorld;
  private number = 0;

  constructor(world: PipelineWorld) {
    this.world = world;
  }

  get store(): PipelineStore {
    return this.world.store;
  }

  /** A run of one job with so many steps, queued. */
  async run(
    options: { readonly steps?: number; readonly repository?: string } = {},
  ): Promise<{ runId: string; jobId: string }> {
    const { run, jobId } = queuedRun(options.steps ?? 3);
    await this.world.addRun(run, options.repository ?? 'shop');
    return { runId: run.id, jobId };
  }

  async agent(
    described: { readonly host?: boolean; readonly labels?: readonly string[] } = {},
  ): Promise<{ agentId: string; sessionId: string }> {
    const [agentId, sessionId] = [newId(), newId()];
    await this.store.transaction((tx) =>
      tx.greet({
        id: agentId,
        name: 'a',
        sessionId,
        labels: ['linux'],
        zone: '',
        slots: 9,
        host: false,
        address: '',
        ...described,
      }),
    );
    return { agentId, sessionId };
  }

  claim(agentId: string, slots = 1, standBackMs = 0): Promise<readonly LeaseKey[]> {
    return this.store.transaction((tx) => tx.claim({ agentId, labels: ['linux'], slots, standBackMs }));
  }

  news(who: { readonly agentId: string; readonly sessionId: string }, reports: readonly Report[]): AgentNews {
    return {
      ...who,
      reports: reports.map((report) => {
        this.number += 1;
        return { number: this.number, report };
      }),
      logs: [],
    };
  }

  /** A job claimed and acknowledged. */
  async held(): Promise<Held> {
    const { runId, jobId } = await this.run();
    const who = await this.agent();
    const [lease] = await this.claim(who.agentId);
    if (!lease) throw new Error('nothing was claimed');
    await this.store.applyNews([this.news(who, [{ kind: 'leaseAcknowledged', ...lease }])]);
    return { runId, jobId, who, lease };
  }

  giveBack(lease: LeaseKey, from = 0): Promise<void> {
    return this.store.transaction((tx) =>
      tx.giveBack(lease, { reason: 'test', lost: true, from, checkpoint: null, ask: null }),
    );
  }
}

export interface Held {
  readonly runId: string;
  readonly jobId: string;
  readonly who: { readonly agentId: string; readonly sessionId: string };
  readonly lease: LeaseKey;
}

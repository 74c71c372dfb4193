import { HoldfastError, isUnavailable } from '@holdfast/contract/errors.ts';
import { idOf, newId } from '@holdfast/contract/id.ts';
import type {
  AgentView,
  LeaseKey,
  NewsAnswer,
  PipelineStore,
  PipelineTransaction,
  Sign,
} from '@holdfast/core/pipeline/ports.ts';
import type { AgentNews } from '@holdfast/core/pipeline/reports.ts';
import {
  beginLook,
  greetAgent,
  listAgents,
  lockAgent,
  noteSigns,
  setAgentHoldsBack,
  setAgentState,
  suspectSilent,
} from './agent/agent-store.ts';
import { JobQueue } from './agent/job-queue.ts';
import { LeaseFloors } from './agent/lease-floors.ts';
import { giveBack, heldJob, leasesOf, overdueGrants } from './agent/lease-store.ts';
import { applyNews } from './agent/news-store.ts';
import type { Queryable, Transactor } from './database.ts';
import { ensureDuty, hastenDuty, parkDuty, RUN } from './duty/duty-store.ts';
import { appendEvent } from './events/event-store.ts';
import { enqueueOutbox } from './events/outbox-store.ts';
import { isBadData, isRetryable } from './failures.ts';
import { strandInstances } from './rollout/instance-store.ts';
import { loseAttempts } from './run/attempt-store.ts';
import { loadRunForUpdate, requestJobCancel, saveRun, unsettledRuns } from './run/run-store.ts';

const NEWS_TRIES = 4;

/** The pipeline's port on PostgreSQL: each method is a store function, bound to a connection. */
export class PostgresPipeline implements PipelineStore {
  private readonly database: Transactor;
  private readonly newsLane: Queryable;
  private readonly queue: JobQueue;
  private readonly floors: LeaseFloors;

  constructor(
    database: Transactor,
    options: {
      readonly jobsPerRepository: number;
      /** For a world whose clock is not this machine's. */
      readonly now?: () => number;
      /** Connections for agents' news alone: people's pages and duties do not hold them up. */
      readonly newsLane?: Queryable;
    },
  ) {
    this.database = database;
    this.newsLane = options.newsLane ?? database;
    const now = options.now ?? (() => performance.now());
    this.queue = new JobQueue(options.jobsPerRepository, now);
    this.floors = new LeaseFloors(now);
  }

  /** Throws what is wrong with the news itself as it is; everything else as an outage, to be told again. */
  async applyNews(news: readonly AgentNews[]): Promise<readonly NewsAnswer[]> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await applyNews(this.newsLane, news, { floors: this.floors, queue: this.queue });
      } catch (error) {
        if (isBadData(error) || isUnavailable(error)) throw error;
        if (isRetryable(error) && tried < NEWS_TRIES) continue;
        throw new HoldfastError('databaseUnavailable', 'the database could not take it now', {
          cause: error,
        });
      }
    }
  }

  transaction<Value>(work: (tx: PipelineTransaction) => Promise<Value>): Promise<Value> {
    return this.database.transaction((sql) => work(this.within(sql)));
  }

  noteSigns(signs: readonly Sign[]): Promise<void> {
    return noteSigns(this.database, signs);
  }

  agents(): Promise<readonly AgentView[]> {
    return listAgents(this.database);
  }

  unsettledRuns(limit: number): Promise<readonly string[]> {
    return unsettledRuns(this.database, limit);
  }

  parkRun(runId: string, reason: string): Promise<void> {
    return parkDuty(this.database, RUN, { id: runId, reason });
  }

  overdueGrants(afterMs: number): Promise<readonly LeaseKey[]> {
    return overdueGrants(this.database, afterMs);
  }

  suspectSilent(id: string, silenceMs: number): Promise<void> {
    return suspectSilent(this.database, id, silenceMs);
  }

  /** Somebody queued a job: the next claim looks at the whole queue. */
  queueChanged(): void {
    this.queue.changed();
  }

  beginLook(lostMs: number): Promise<boolean> {
    return beginLook(this.database, lostMs);
  }

  /** The port on a transaction that somebody else has begun. */
  within(sql: Queryable): PipelineTransaction {
    return {
      greet: (agent) => greetAgent(sql, agent),
      agent: (id) => lockAgent(sql, id, this.floors.since(id)),
      setAgentState: (id, state) => setAgentState(sql, id, state),
      setAgentHoldsBack: (id, reason) => setAgentHoldsBack(sql, id, reason),
      claim: (claimant) => this.queue.claim(sql, claimant),
      loadRun: (id) => loadRunForUpdate(sql, id),
      saveRun: (before, after) => saveRun(sql, before, after),
      requestCancel: (jobId) => requestJobCancel(sql, jobId),
      leasesOf: (agentId) => leasesOf(sql, agentId),
      heldJob: (seen) => heldJob(sql, seen),
      giveBack: (seen, change) => giveBack(sql, seen, change),
      loseAttempts: (jobId, reason) => loseAttempts(sql, jobId, reason),
      strandInstances: (agentId, reason) => strandInstances(sql, agentId, reason),
      ensureDuty: (kind, id) => ensureDuty(sql, kind, id),
      hastenDuty: (kind, id) => hastenDuty(sql, kind, id),
      appendEvent: (event) => appendEvent(sql, event),
      announce: ({ once, ...news }) =>
        enqueueOutbox(sql, { id: once ? idOf(once) : newId(), kind: 'news', payload: news }),
    };
  }
}

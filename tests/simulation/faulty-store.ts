import { HoldfastError } from '@holdfast/contract/errors.ts';
import type {
  AgentView,
  LeaseKey,
  NewsAnswer,
  PipelineStore,
  PipelineTransaction,
  Sign,
} from '@holdfast/core/pipeline/ports.ts';
import type { AgentNews } from '@holdfast/core/pipeline/reports.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/**
 * One controller's way to the database: away, slow, or, worst, committed and reported as failed. A
 * paused controller stands still before and after every call; a dead one never hears an answer.
 */
export class FaultyStore implements PipelineStore {
  databaseAway = false;
  /** Share of calls whose commit happens and whose answer does not come. */
  lostAnswers = 0;
  private readonly inner: PipelineStore;
  private readonly scheduler: Scheduler;
  private readonly random: Random;
  private readonly gate: () => Promise<void>;

  constructor(
    inner: PipelineStore,
    {
      scheduler,
      random,
      gate,
    }: { readonly scheduler: Scheduler; readonly random: Random; readonly gate: () => Promise<void> },
  ) {
    this.inner = inner;
    this.scheduler = scheduler;
    this.random = random;
    this.gate = gate;
  }

  applyNews(news: readonly AgentNews[]): Promise<readonly NewsAnswer[]> {
    return this.call(() => this.inner.applyNews(news));
  }

  transaction<Value>(work: (tx: PipelineTransaction) => Promise<Value>): Promise<Value> {
    return this.call(() => this.inner.transaction(work));
  }

  noteSigns(signs: readonly Sign[]): Promise<void> {
    return this.call(() => this.inner.noteSigns(signs));
  }

  suspectSilent(id: string, silenceMs: number): Promise<void> {
    return this.call(() => this.inner.suspectSilent(id, silenceMs));
  }

  agents(): Promise<readonly AgentView[]> {
    return this.call(() => this.inner.agents());
  }

  unsettledRuns(limit: number): Promise<readonly string[]> {
    return this.call(() => this.inner.unsettledRuns(limit));
  }

  parkRun(runId: string, reason: string): Promise<void> {
    return this.call(() => this.inner.parkRun(runId, reason));
  }

  overdueGrants(afterMs: number): Promise<readonly LeaseKey[]> {
    return this.call(() => this.inner.overdueGrants(afterMs));
  }

  beginLook(lostMs: number): Promise<boolean> {
    return this.call(() => this.inner.beginLook(lostMs));
  }

  private async call<Value>(work: () => Promise<Value>): Promise<Value> {
    await this.gate();
    if (this.databaseAway) throw away('databaseUnavailable');
    const value = await this.scheduler.during(work);
    const lost = this.random.chance(this.lostAnswers);
    await this.gate();
    if (lost) throw away('outcomeUnknown');
    return value;
  }
}

function away(code: 'databaseUnavailable' | 'outcomeUnknown'): HoldfastError {
  return new HoldfastError(code, 'simulated');
}

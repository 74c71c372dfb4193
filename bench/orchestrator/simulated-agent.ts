import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Exchange,
  ExchangeAnswer,
  Grant,
  Report,
  ReportResult,
} from '@holdfast/contract/agent/protocol.ts';
import { newId } from '@holdfast/contract/id.ts';
import { PROTOCOL } from '@holdfast/contract/versions.ts';
import type { Pool } from 'undici';

/**
 * The agent's side of the protocol without the work: its steps do nothing and take no time. As in
 * packages/agent, one exchange is in flight, it carries every waiting report (200 at most), and a
 * step begins only when the one before is known to a controller.
 */
export interface SimulatedAgentOptions {
  readonly pool: Pool;
  readonly token: string;
  readonly slots: number;
  readonly name: string;
  /** Whether a step's start is answered before its end is reported: two exchanges a step. */
  readonly startedFirst: boolean;
  readonly stepDone: (ms: number) => void;
  /** Called when a controller hands out a job. */
  readonly granted?: (jobId: string) => void;
}

const REPORTS_AT_ONCE = 200;
const OFFERS_PAUSE_MS = 20;
const HEARTBEAT_MS = 3_000;
/** What a step of a few words prints. */
const LOG = '> true\nnothing to do, and that is done\n';

export class SimulatedAgent {
  exchanges = 0;
  /** Of these, the ones without any report. */
  emptyExchanges = 0;
  failedExchanges = 0;
  fenced = 0;
  private readonly options: SimulatedAgentOptions;
  private readonly agentId = newId();
  private readonly sessionId = newId();
  private readonly jobs = new Map<string, Grant>();
  private readonly heard = new Map<number, (result: ReportResult) => void>();
  private waiting: Exchange['reports'] = [];
  private logs: { readonly number: number; readonly piece: Exchange['logs'][number] }[] = [];
  private asksAll = true;
  private next = 1;
  private awake = false;
  private wake: () => void = () => {};

  constructor(options: SimulatedAgentOptions) {
    this.options = options;
  }

  get busySlots(): number {
    return this.jobs.size;
  }

  async run(stopped: AbortSignal): Promise<void> {
    await this.hello();
    const offers = this.listenForOffers(stopped);
    while (!stopped.aborted) {
      this.awake = false;
      const answer = await this.exchange();
      if (answer) this.apply(answer);
      await this.rest();
    }
    await offers;
  }

  rouse(): void {
    this.awake = true;
    this.wake();
  }

  /** Until the next heartbeat or news. */
  private async rest(): Promise<void> {
    if (this.awake || this.waiting.length > 0) return;
    const news = Promise.withResolvers<void>();
    this.wake = news.resolve;
    const heartbeat = setTimeout(() => {
      this.asksAll = true;
      news.resolve();
    }, HEARTBEAT_MS);
    await news.promise;
    clearTimeout(heartbeat);
  }

  /** The second lane: a controller answers when there may be something to take. */
  private async listenForOffers(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted) {
      await this.post('/agent/v1/offers', { agentId: this.agentId }, stopped).catch(() => {});
      this.asksAll = true;
      this.rouse();
      await sleep(OFFERS_PAUSE_MS);
    }
  }

  private async hello(): Promise<void> {
    const { slots, name } = this.options;
    await this.post('/agent/v1/hello', {
      protocol: PROTOCOL,
      agentId: this.agentId,
      sessionId: this.sessionId,
      name,
      labels: ['bench'],
      zone: '',
      slots,
      host: false,
      address: '127.0.0.1',
    });
  }

  /** null: refused or failed; the same reports go out again with the next one. */
  private async exchange(): Promise<ExchangeAnswer | null> {
    const full = this.asksAll;
    this.asksAll = false;
    const reports = this.waiting.slice(0, REPORTS_AT_ONCE);
    const numbers = new Set(reports.map((entry) => entry.number));
    this.exchanges += 1;
    const message: Exchange = {
      agentId: this.agentId,
      sessionId: this.sessionId,
      number: this.exchanges,
      full,
      freeSlots: full ? this.options.slots - this.jobs.size : 0,
      reports,
      logs: this.logs.filter((entry) => numbers.has(entry.number)).map((entry) => entry.piece),
      instances: [],
      wanted: [],
      bye: false,
      holdsBack: null,
    };
    if (message.reports.length === 0) this.emptyExchanges += 1;
    try {
      return (await this.post('/agent/v1/exchange', message)) as ExchangeAnswer;
    } catch (error) {
      this.failedExchanges += 1;
      process.stderr.write(`${(error as Error).message}\n`);
      return null;
    }
  }

  private async post(path: string, body: unknown, signal?: AbortSignal): Promise<unknown> {
    const headers = { authorization: `Bearer ${this.options.token}`, 'content-type': 'application/json' };
    const answer = await this.options.pool.request({
      method: 'POST',
      path,
      headers,
      body: JSON.stringify(body),
      signal,
    });
    if (answer.statusCode === 200) return answer.body.json();
    throw new Error(`${path} answered ${answer.statusCode}: ${await answer.body.text()}`);
  }

  private apply(answer: ExchangeAnswer): void {
    const answered = new Set(answer.results.map((result) => result.number));
    this.waiting = this.waiting.filter((entry) => !answered.has(entry.number));
    this.logs = this.logs.filter((entry) => !answered.has(entry.number));
    for (const result of answer.results) {
      if (result.outcome === 'fenced') this.fenced += 1;
      this.heard.get(result.number)?.(result);
      this.heard.delete(result.number);
    }
    for (const grant of answer.grants) {
      if (!this.jobs.has(grant.jobId)) this.take(grant);
    }
  }

  private take(grant: Grant): void {
    this.jobs.set(grant.jobId, grant);
    this.options.granted?.(grant.jobId);
    this.report({ kind: 'leaseAcknowledged', jobId: grant.jobId, epoch: grant.epoch }, () => {});
    this.step(grant, 0);
  }

  private step(grant: Grant, index: number): void {
    const { jobId, epoch } = grant;
    if (index === grant.definition.steps.length) return this.finish(grant);
    const startedAt = performance.now();
    const attempt = { jobId, epoch, attemptId: newId(), index, name: 'Run true' };
    const finished: Report = {
      kind: 'stepFinished',
      ...attempt,
      conclusion: 'succeeded',
      outcome: 'succeeded',
      exitCode: 0,
      signal: null,
      reason: null,
      durationMs: 0.1,
      outputs: { result: 'done' },
      annotations: [],
      summary: null,
      checkpoint: null,
      notPortable: null,
      again: false,
    };
    const end = () => {
      this.logs.push({ number: this.next, piece: { attemptId: attempt.attemptId, offset: 0, text: LOG } });
      this.report(finished, (result) => {
        if (result.outcome === 'fenced') return void this.jobs.delete(jobId);
        this.options.stepDone(performance.now() - startedAt);
        this.step(grant, index + 1);
      });
    };
    // As packages/agent does: a beginning that nobody was told of yet is part of the end.
    if (this.options.startedFirst) this.report({ kind: 'stepStarted', ...attempt }, end);
    else end();
  }

  private finish(grant: Grant): void {
    this.report(
      {
        kind: 'jobFinished',
        jobId: grant.jobId,
        epoch: grant.epoch,
        conclusion: 'succeeded',
        outputs: {},
        reason: null,
      },
      () => {
        this.jobs.delete(grant.jobId);
        this.asksAll = true;
        this.rouse();
      },
    );
  }

  private report(report: Report, heard: (result: ReportResult) => void): void {
    this.waiting.push({ number: this.next, report });
    this.heard.set(this.next, heard);
    this.next += 1;
  }
}

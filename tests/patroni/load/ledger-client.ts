import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '@holdfast/contract/id.ts';
import type { Journal } from '../../chaos/journal.ts';
import type { TriggerTarget } from '../../chaos/workload/send-trigger.ts';

/**
 * Sends triggers at a steady rate whatever becomes of the earlier ones, so that a blackout shows at its
 * full length. What a first try was answered is written down; what it was not answered is asked again
 * until it is. Odd triggers are known by their Idempotency-Key, even ones by an id of their own under a
 * new key each time: both must make one run.
 */
export interface LedgerEntry {
  readonly trigger: string;
  readonly at: number;
  /** When the first try ended, and how. */
  answeredAt: number;
  first: 'acked' | 'unknown' | 'refused';
  detail: string;
  /** The id it was acknowledged with, at whichever try; null: never. */
  id: string | null;
  ackedAt: number | null;
  tries: number;
}

const EVERY_MS = 80;
const TRY_MS = 5_000;
const ASK_AGAIN_MS = 1_000;
const RESOLVE_LIMIT_MS = 180_000;

export class LedgerClient {
  readonly entries: LedgerEntry[] = [];
  private readonly target: TriggerTarget;
  private readonly repositories: readonly string[];
  private readonly journal: Journal;
  private readonly open = new Set<Promise<void>>();
  private stopped = false;
  private loop: Promise<void> | undefined;

  constructor(target: TriggerTarget, repositories: readonly string[], journal: Journal) {
    this.target = target;
    this.repositories = repositories;
    this.journal = journal;
  }

  start(): this {
    this.loop = this.run();
    return this;
  }

  get unresolved(): number {
    return this.open.size;
  }

  /** Resolves when everything that was sent is acknowledged, or was given up. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.loop;
    await Promise.all(this.open);
  }

  /** When triggers were acknowledged at their first try. */
  get okTimes(): readonly number[] {
    return this.entries
      .filter(({ first }) => first === 'acked')
      .map(({ answeredAt }) => answeredAt)
      .sort((a, b) => a - b);
  }

  private async run(): Promise<void> {
    for (let next = performance.now(); !this.stopped; next += EVERY_MS) {
      const sending = this.send(this.entries.length + 1);
      this.open.add(sending);
      void sending.finally(() => this.open.delete(sending));
      await sleep(Math.max(0, next + EVERY_MS - performance.now()));
    }
  }

  private async send(number: number): Promise<void> {
    const at = Date.now();
    const entry: LedgerEntry = {
      ...{ trigger: `l${number}`, at, answeredAt: at, first: 'unknown', detail: '' },
      ...{ id: null, ackedAt: null, tries: 0 },
    };
    this.entries.push(entry);
    const own = number % 2 === 0 ? newId() : null;
    const key = newId();
    const repository = this.repositories[number % this.repositories.length] as string;
    const deadline = performance.now() + RESOLVE_LIMIT_MS;
    for (; performance.now() < deadline; await sleep(ASK_AGAIN_MS)) {
      const address = this.target.addresses[(number + entry.tries) % this.target.addresses.length] as string;
      const body = { repository, inputs: { trigger: entry.trigger }, ...(own ? { id: own } : {}) };
      const answer = await this.tryOnce(address, own ? newId() : key, body);
      entry.tries += 1;
      if (entry.tries === 1)
        Object.assign(entry, { answeredAt: Date.now(), first: answer.outcome, detail: answer.detail });
      if (answer.id === null) continue;
      if (own !== null && answer.id !== own)
        this.journal.miss(`${entry.trigger} was sent with id ${own} and acknowledged with ${answer.id}`);
      Object.assign(entry, { id: answer.id, ackedAt: Date.now() });
      return;
    }
    this.journal.miss(`${entry.trigger} was never acknowledged; its first try: ${entry.detail}`);
  }

  private async tryOnce(
    address: string,
    key: string,
    asked: object,
  ): Promise<{ outcome: LedgerEntry['first']; detail: string; id: string | null }> {
    try {
      const answer = await fetch(`${address}/api/v1/runs`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${this.target.token}`,
          'content-type': 'application/json',
          'idempotency-key': key,
        },
        body: JSON.stringify(asked),
        signal: AbortSignal.timeout(TRY_MS),
      });
      const body = (await answer.json()) as { trigger?: string; code?: string };
      if (answer.ok && body.trigger) return { outcome: 'acked', detail: '', id: body.trigger };
      const outcome = answer.status >= 500 ? 'unknown' : 'refused';
      return { outcome, detail: `${answer.status} ${body.code}`, id: null };
    } catch (error) {
      return { outcome: 'unknown', detail: (error as Error).name, id: null };
    }
  }
}

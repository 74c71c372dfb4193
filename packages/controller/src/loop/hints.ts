import { EventEmitter, once } from 'node:events';
import { newId } from '@holdfast/contract/id.ts';
import type { Database } from '@holdfast/postgres/database.ts';
import pg from 'pg';
import type { Logger } from 'pino';

/**
 * Hints make a scan sooner and may be lost: polling is the truth. They travel between replicas by
 * NOTIFY, sent after the transaction and coalesced. The listener tests itself, because a pooler in
 * transaction mode breaks LISTEN silently.
 */
export type Hint = 'duty' | 'jobs' | 'orders' | 'snapshot' | 'events' | 'run';

const CHANNEL = 'holdfast';
const COALESCE_MS = 10;
const SELF_TEST_MS = 10_000;
const DEAF_MOST = 3;

export class Hints {
  private readonly emitter = new EventEmitter().setMaxListeners(0);
  private readonly database: Database;
  private readonly log: Logger;
  private readonly pending = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private client: pg.Client | undefined;
  private readonly sender = newId();
  private heard = true;
  /** How many self-tests in a row were not heard. */
  private deaf = 0;
  private stopped = false;
  private checker: NodeJS.Timeout | undefined;

  constructor(database: Database, log: Logger) {
    this.database = database;
    this.log = log;
  }

  async start(): Promise<void> {
    await this.listen();
    this.checker = setInterval(() => void this.selfTest(), SELF_TEST_MS).unref();
  }

  readonly send = (hint: Hint): void => {
    this.emitter.emit(hint);
    this.pending.add(hint);
    this.timer ??= setTimeout(() => this.flush(), COALESCE_MS);
  };

  on(hint: Hint, listener: () => void): () => void {
    this.emitter.on(hint, listener);
    return () => this.emitter.off(hint, listener);
  }

  /** Resolves at the next hint or after the time, whichever is first. */
  async wait(hints: readonly Hint[], ms: number, signal?: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const either = AbortSignal.any([stop.signal, AbortSignal.timeout(ms), ...(signal ? [signal] : [])]);
    await Promise.race(hints.map((hint) => once(this.emitter, hint, { signal: either }).catch(() => {})));
    stop.abort();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.checker);
    clearTimeout(this.timer);
    await this.client?.end().catch(() => {});
  }

  private flush(): void {
    this.timer = undefined;
    const hints = [this.sender, ...this.pending];
    this.pending.clear();
    this.database.query('SELECT pg_notify($1, $2)', [CHANNEL, hints.join(' ')]).catch(() => {});
  }

  private async listen(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.database.currentUrl,
      application_name: 'holdfast-listener',
      connectionTimeoutMillis: 5_000,
    });
    client.on('error', () => {});
    client.on('notification', ({ payload }) => this.hear(payload ?? ''));
    client.on('end', () => {
      if (!this.stopped && this.client === client) setTimeout(() => void this.relisten(), 500);
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      this.client = client;
    } catch (error) {
      this.log.warn({ err: error }, 'cannot listen for hints; polling goes on');
      void client.end().catch(() => {});
      setTimeout(() => void this.relisten(), 1_000).unref();
    }
  }

  private async relisten(): Promise<void> {
    if (this.stopped) return;
    const old = this.client;
    this.client = undefined;
    await old?.end().catch(() => {});
    await this.listen();
  }

  private hear(payload: string): void {
    this.heard = true;
    const [sender, ...hints] = payload.split(' ');
    // One's own were told at once.
    if (sender === this.sender) return;
    for (const hint of hints) this.emitter.emit(hint);
  }

  private async selfTest(): Promise<void> {
    this.deaf = this.heard ? 0 : this.deaf + 1;
    if (this.deaf === DEAF_MOST)
      this.log.warn('hints are not heard here (a pooler?); polling finds everything, a little later');
    // Behind a pooler in transaction mode another connection hears no more than this one.
    if (this.deaf > 0 && this.deaf < DEAF_MOST) await this.relisten();
    this.heard = false;
    await this.database.query('SELECT pg_notify($1, $2)', [CHANNEL, 'test']).catch(() => {});
  }
}

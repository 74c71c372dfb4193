import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { EXAMPLES, type Loss, SLOW_MS } from './tally.ts';

/**
 * One connection as an app's pool keeps it: prepared statements, taken anew after a crash. What went
 * down with the server is done again, for every statement is by key; any other error is a failure.
 */
export type Ask = (
  text: string,
  values?: readonly unknown[],
) => Promise<{ readonly rows: unknown[][]; readonly rowCount: number | null }>;

export interface Counters {
  statements: number;
  failed: number;
  differ: number;
  slowestMs: number;
  readonly examples: string[];
  readonly losses: Loss[];
}

/** Longer than any bound, so that whoever hangs is measured and not only given up. */
const STATEMENT_LIMIT_MS = 40_000;

export class Connection {
  private readonly url: string;
  private readonly options: string | undefined;
  private readonly counters: Counters;
  private client: pg.Client | null = null;
  private connectedAt = 0;
  private readonly names = new Map<string, string>();

  constructor(url: string, counters: Counters, options?: string) {
    this.url = url;
    this.options = options;
    this.counters = counters;
  }

  /** null: it failed, and nothing of it was done. */
  async perform<Value>(work: (ask: Ask) => Promise<Value>): Promise<Value | null> {
    for (;;) {
      const client = await this.connected();
      try {
        return await work((text, values = []) => this.ask(client, text, values));
      } catch (error) {
        if (!isLost(error)) return this.fail(client, error);
        this.counters.losses.push([this.connectedAt, Date.now()]);
        this.client = null;
        void client.end().catch(() => {});
      }
    }
  }

  end(): Promise<void> {
    return this.client?.end().catch(() => {}) ?? Promise.resolve();
  }

  private async ask(client: pg.Client, text: string, values: readonly unknown[]) {
    const began = performance.now();
    this.counters.statements += 1;
    const { rows, rowCount } = await client.query({
      text,
      values: [...values],
      name: this.nameOf(text),
      rowMode: 'array',
    });
    const took = performance.now() - began;
    this.counters.slowestMs = Math.max(this.counters.slowestMs, took);
    if (took > SLOW_MS) this.note('failed', `took ${Math.round(took)} ms: ${text}`);
    return { rows: rows as unknown[][], rowCount };
  }

  note(what: 'failed' | 'differ', sentence: string): void {
    this.counters[what] += 1;
    if (this.counters.examples.length < EXAMPLES)
      this.counters.examples.push(`${new Date().toISOString().slice(11, 23)} ${sentence}`);
  }

  private async fail(client: pg.Client, error: unknown): Promise<null> {
    const { code, message } = error as { code?: string; message: string };
    this.note('failed', `${message} (${code ?? 'no code'})`);
    await client.query('ROLLBACK').catch(() => {});
    return null;
  }

  private nameOf(text: string): string {
    const name = this.names.get(text) ?? `s${this.names.size}`;
    this.names.set(text, name);
    return name;
  }

  private async connected(): Promise<pg.Client> {
    while (this.client === null) {
      const client = new pg.Client({
        connectionString: this.url,
        statement_timeout: STATEMENT_LIMIT_MS,
        ...(this.options === undefined ? {} : { options: this.options }),
      });
      client.on('error', () => {});
      this.connectedAt = Date.now();
      try {
        await client.connect();
        this.client = client;
      } catch {
        await sleep(20);
      }
    }
    return this.client;
  }
}

/** The connection went: by its own error, or by the words of a server that is going down. */
export function isLost(error: unknown): boolean {
  const { code = '', message } = error as { code?: string; message: string };
  if (/^57P0[123]$/.test(code) || /^E[A-Z]+$/.test(code)) return true;
  return code === '' && /terminated|not queryable|closed|ended/i.test(message);
}

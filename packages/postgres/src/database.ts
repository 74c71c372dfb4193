import { HoldfastError } from '@holdfast/contract/errors.ts';
import pg from 'pg';
import {
  isConnectionFailure,
  isLostStatement,
  isPoolWait,
  isRefusedParameter,
  isRetryable,
  translate,
} from './failures.ts';
import { findPrimary, hostUrls } from './primary.ts';

/** Anything SQL can be sent to: the pool, or the one connection of a transaction. */
export interface Queryable {
  query<Row extends pg.QueryResultRow>(
    statement: string | Prepared,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>;
}

/** A whole database: statements one by one, and transactions. */
export interface Transactor extends Queryable {
  transaction<Value>(work: (sql: Queryable) => Promise<Value>): Promise<Value>;
  /** As a transaction, without its time limits, where there are any. */
  unhurried?<Value>(work: (sql: Queryable) => Promise<Value>): Promise<Value>;
}

/** A statement that each connection plans once, because planning would cost more than doing it. */
export interface Prepared {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

const TRANSACTION_TRIES = 4;
const STATEMENT_MS = 15_000;
/** No statement and no commit may hang longer on this side; a commit that waits for a standby obeys no server timeout. */
const ANSWER_WITHIN_MS = 20_000;
const OPEN_WITHIN_MS = 12_000;
/** A transaction lives for less: what commits late is no older. */
export const LATE_MS = 20_000;
const SYNC_WAIT_CANCELLED = /canceling (the )?wait for synchronous replication/;

pg.types.setTypeParser(pg.types.builtins.INT8, Number);

export interface DatabaseOptions {
  readonly connections?: number;
  readonly name?: string;
  /** Every connection plans a prepared statement once, not again for each set of values. */
  readonly genericPlans?: boolean;
}

/**
 * Connections to whichever host is the primary now, with the timeouts that keep hot tables healthy.
 * A connection that fails takes its whole pool with it: the server behind it is gone or demoted, and
 * the next statement looks for the primary again. Before a new pool is used the guard is asked, which
 * compares the generation (protocol §3). Failures surface as `databaseUnavailable`; a commit of which
 * nobody knows whether it happened as `outcomeUnknown`, to be resolved by asking for the id.
 */
export class Database implements Transactor {
  readonly url: string;
  private readonly urls: readonly string[];
  private readonly options: DatabaseOptions;
  private pool: Promise<pg.Pool> | undefined;
  private guard: (sql: Queryable) => Promise<void> = async () => {};
  private primaryUrl: string;
  private startParameters = true;
  private prepares = true;
  private closed = false;

  constructor(url: string, options: DatabaseOptions = {}) {
    this.url = url;
    this.options = options;
    this.urls = hostUrls(url);
    this.primaryUrl = this.urls[0] as string;
  }

  /** The host that took writes last, for connections of one's own (LISTEN). */
  get currentUrl(): string {
    return this.primaryUrl;
  }

  /** Asked before a pool is used for the first time: throws to keep everybody off it. */
  async guardWith(guard: (sql: Queryable) => Promise<void>): Promise<void> {
    this.guard = guard;
    await guard(this);
  }

  async query<Row extends pg.QueryResultRow>(
    statement: string | Prepared,
    values: unknown[] = [],
  ): Promise<pg.QueryResult<Row>> {
    return this.withClient((client) => client.query<Row>(statement, values));
  }

  /**
   * One transaction. A deadlock or a serialization failure changed nothing and is tried again. A connection
   * that broke before COMMIT was sent changed nothing either, and is `databaseUnavailable`: whoever asked asks
   * again. After that the outcome is unknown.
   */
  async transaction<Value>(work: (sql: Queryable) => Promise<Value>): Promise<Value> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await this.withClient((client) => transact(client, work));
      } catch (error) {
        if (tried >= TRANSACTION_TRIES || !isRetryable(error)) throw error;
      }
    }
  }

  /** A transaction on a connection of its own that may take its time: migrations. */
  async unhurried<Value>(work: (sql: Queryable) => Promise<Value>): Promise<Value> {
    const url = await this.writableUrl();
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query('BEGIN');
      const value = await work({ query: (statement, values) => client.query(statement as string, values) });
      await client.query('COMMIT');
      return value;
    } catch (error) {
      throw translate(error);
    } finally {
      // An open transaction ends with its connection.
      await client.end().catch(() => {});
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    const pool = this.pool;
    this.pool = undefined;
    await (await pool?.catch(() => undefined))?.end();
  }

  private async withClient<Value>(work: (client: Connection) => Promise<Value>): Promise<Value> {
    const pool = await this.currentPool();
    const client = await pool.connect().catch((error: unknown) => {
      // Every connection is busy: the server is well, and another pool would only be more of them.
      if (pool.totalCount < (pool.options.max ?? 0) || !isPoolWait(error)) this.evict(pool);
      throw translate(error);
    });
    const connection = new Connection(client, this.prepares);
    try {
      return await connection.within(ANSWER_WITHIN_MS, work);
    } catch (error) {
      if (isLostStatement(error) && this.prepares) {
        this.prepares = false;
        return await this.withClient(work);
      }
      if (isConnectionFailure(error)) this.evict(pool);
      throw translate(error);
    } finally {
      connection.release();
    }
  }

  private currentPool(): Promise<pg.Pool> {
    if (this.closed) throw new HoldfastError('databaseUnavailable', 'this process is stopping');
    if (this.pool) return this.pool;
    const opening = bounded(this.open(), OPEN_WITHIN_MS);
    this.pool = opening;
    opening.catch(() => {
      if (this.pool === opening) this.pool = undefined;
    });
    return opening;
  }

  /** Of one host nothing is asked: it takes writes, or the statement says that it does not. */
  private async writableUrl(): Promise<string> {
    return this.urls.length > 1 ? (await findPrimary(this.urls)).url : (this.urls[0] as string);
  }

  private async open(): Promise<pg.Pool> {
    const url = await this.writableUrl();
    const pool = await this.makePool(url);
    try {
      await this.guard({ query: (statement, values) => pool.query(statement as string, values) });
    } catch (error) {
      void pool.end();
      throw translate(error);
    }
    this.primaryUrl = url;
    return pool;
  }

  /** With one connection made, so that a pooler's refusal of our parameters is known. */
  private async makePool(url: string): Promise<pg.Pool> {
    const pool = new pg.Pool({
      connectionString: url,
      max: this.options.connections ?? 10,
      application_name: this.options.name ?? 'holdfast',
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      ...(this.startParameters
        ? {
            statement_timeout: STATEMENT_MS,
            idle_in_transaction_session_timeout: STATEMENT_MS,
            ...(this.options.genericPlans ? { options: '-c plan_cache_mode=force_generic_plan' } : {}),
          }
        : {}),
    });
    // An idle connection that dies: nothing was being asked, but the server behind it may be another one now.
    pool.on('error', () => this.evict(pool));
    // The pool's own listener is gone before ours is there, and a server that dies may say so in between.
    pool.on('connect', (client) => client.on('error', () => {}));
    try {
      (await pool.connect()).release();
      return pool;
    } catch (error) {
      void pool.end();
      if (!isRefusedParameter(error) || !this.startParameters) throw translate(error);
      this.startParameters = false;
      return this.makePool(url);
    }
  }

  private evict(pool: pg.Pool): void {
    const held = this.pool;
    void held?.then(
      (current) => {
        if (current !== pool || this.pool !== held) return;
        this.pool = undefined;
        void pool.end().catch(() => {});
      },
      () => {},
    );
  }
}

/** What comes too late is of no use to anybody who waits. */
function bounded<Value>(work: Promise<Value>, ms: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new HoldfastError('databaseUnavailable', 'the database does not answer')),
      ms,
    );
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** One connection while somebody uses it. */
class Connection implements Queryable {
  committing = false;
  private readonly client: pg.PoolClient;
  private readonly prepares: boolean;
  private broken: Error | undefined;
  private doubt = false;

  constructor(client: pg.PoolClient, prepares: boolean) {
    this.client = client;
    this.prepares = prepares;
    client.on('error', this.onError);
    client.on('notice', this.onNotice);
  }

  query<Row extends pg.QueryResultRow>(
    statement: string | Prepared,
    values: unknown[] = [],
  ): Promise<pg.QueryResult<Row>> {
    if (typeof statement === 'string') return this.client.query<Row>(statement, values);
    const { name, text, values: own } = statement;
    return this.client.query<Row>(this.prepares ? { name, text, values: own } : { text, values: own });
  }

  /** The work's answer, unless it takes too long or the commit was not really acknowledged. */
  async within<Value>(ms: number, work: (connection: Connection) => Promise<Value>): Promise<Value> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const known = this.committing
          ? unknownOutcome()
          : new Error('Connection terminated: no answer in time');
        this.broken = known;
        reject(known);
      }, ms);
    });
    try {
      const value = await Promise.race([work(this), late]);
      if (this.doubt) throw unknownOutcome();
      return value;
    } catch (error) {
      if (isConnectionFailure(error)) {
        this.broken = error as Error;
        if (this.committing) throw unknownOutcome(error);
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  release(): void {
    this.client.off('error', this.onError);
    this.client.off('notice', this.onNotice);
    this.client.release(this.broken);
  }

  private readonly onError = (error: Error) => {
    this.broken = error;
  };

  /** A cancelled wait for the standby is reported as success, with only this notice to say otherwise. */
  private readonly onNotice = (notice: { readonly code?: string; readonly message?: string }) => {
    if (notice.code === '01000' && SYNC_WAIT_CANCELLED.test(notice.message ?? '')) this.doubt = true;
  };
}

async function transact<Value>(client: Connection, work: (sql: Queryable) => Promise<Value>): Promise<Value> {
  try {
    await client.query('BEGIN');
    const value = await work(client);
    client.committing = true;
    await client.query('COMMIT');
    client.committing = false;
    return value;
  } catch (error) {
    if (!client.committing && !isConnectionFailure(error)) await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

function unknownOutcome(cause?: unknown): HoldfastError {
  return new HoldfastError('outcomeUnknown', 'the database went away while it was committing', { cause });
}

/** Part of a transaction that may fail alone: what it wrote is taken back, the rest stands. */
export async function attempt<Value>(sql: Queryable, work: () => Promise<Value>): Promise<Value> {
  await sql.query('SAVEPOINT attempt');
  try {
    const value = await work();
    await sql.query('RELEASE SAVEPOINT attempt');
    return value;
  } catch (error) {
    if (!isConnectionFailure(error)) await sql.query('ROLLBACK TO SAVEPOINT attempt');
    throw error;
  }
}

import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import pg from 'pg';

/** Anything SQL can be sent to: the pool, or the one connection of a transaction. */
export interface Queryable {
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<pg.QueryResult<Row>>;
}

const TRANSACTION_TRIES = 4;

pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * The pool with the timeouts that keep hot tables healthy: short statements, no transaction left
 * open (protocol §5). Connection failures surface as `databaseUnavailable`.
 */
export class Database implements Queryable {
  private readonly pool: pg.Pool;
  readonly url: string;

  constructor(url: string, options: { readonly connections?: number; readonly name?: string } = {}) {
    this.url = url;
    this.pool = new pg.Pool({
      connectionString: url,
      max: options.connections ?? 10,
      application_name: options.name ?? 'holdfast',
      connectionTimeoutMillis: 5_000,
      statement_timeout: 15_000,
      idle_in_transaction_session_timeout: 15_000,
      keepAlive: true,
    });
    // An idle connection that dies is replaced by the pool; without a listener it ends the process.
    this.pool.on('error', () => {});
  }

  async query<Row extends pg.QueryResultRow>(
    text: string,
    values: unknown[] = [],
  ): Promise<pg.QueryResult<Row>> {
    try {
      return await this.pool.query<Row>(text, values);
    } catch (error) {
      throw translate(error);
    }
  }

  /**
   * One transaction. A lost connection leaves an unknown outcome: callers resolve it by id. A
   * deadlock or a serialization failure changed nothing and is tried again.
   */
  async transaction<Value>(work: (sql: Queryable) => Promise<Value>): Promise<Value> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await this.transactOnce(work);
      } catch (error) {
        if (tried >= TRANSACTION_TRIES || !isRetryable(error)) throw error;
      }
    }
  }

  private async transactOnce<Value>(work: (sql: Queryable) => Promise<Value>): Promise<Value> {
    const client = await this.pool.connect().catch((error: unknown) => {
      throw translate(error);
    });
    let broken: Error | undefined;
    // The pool takes its own listener away while a client is out: without one, a connection that
    // dies between two statements would end the process.
    const onError = (error: Error) => {
      broken = error;
    };
    client.on('error', onError);
    try {
      await client.query('BEGIN');
      const value = await work(client);
      await client.query('COMMIT');
      return value;
    } catch (error) {
      if (isConnectionFailure(error)) broken = error as Error;
      else await client.query('ROLLBACK').catch(onError);
      throw translate(error);
    } finally {
      client.release(broken);
      client.off('error', onError);
    }
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}

/** deadlock_detected and serialization_failure: nothing was changed. */
export function isRetryable(error: unknown): boolean {
  return ['40P01', '40001'].includes(systemCode(error) ?? '');
}

export function isConnectionFailure(error: unknown): boolean {
  const code = systemCode(error) ?? '';
  const message = error instanceof Error ? error.message : '';
  return (
    /^(08|57P0|25006)/.test(code) ||
    ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND'].includes(code) ||
    /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/.test(
      message,
    )
  );
}

function translate(error: unknown): unknown {
  if (error instanceof HoldfastError || !isConnectionFailure(error)) return error;
  return new HoldfastError('databaseUnavailable', 'the database does not answer', { cause: error });
}

/** PostgreSQL's unique_violation, optionally of one constraint. */
export function isDuplicate(error: unknown, constraint?: string): boolean {
  const failure = error as { code?: string; constraint?: string };
  return failure?.code === '23505' && (constraint === undefined || failure.constraint === constraint);
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

import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import pg from 'pg';
import type { Sql } from '../catalog/read-catalog.ts';
import { BACKFILL_SETTING } from '../declare/mirror.ts';
import { quoteText } from '../sql/names.ts';

/**
 * The one connection through which a migration talks to a user's database. Nobody else opens
 * transactions there on its behalf. A standby and a server that takes no writes are passed over.
 */
export interface Session extends Sql {
  /** Several statements without values, in one round trip. */
  script(text: string): Promise<void>;
  transaction<Value>(settings: Settings, work: (sql: Sql) => Promise<Value>): Promise<Value>;
  close(): Promise<void>;
}

/** Milliseconds; 0: no limit. */
export interface Settings {
  readonly lockMs: number;
  readonly statementMs: number;
  /** A batch and its mark are lost together or not at all, so its commit need not wait for the disk. */
  readonly hasty?: boolean;
  /** Whose backfill it is: triggers of that change leave its rows alone. */
  readonly fills?: string;
}

const CONNECT_MS = 5_000;
/** A controller that is stopped between two statements must not keep their locks: the server ends its session. */
const IDLE_MS = 1_000;

/** The first of the hosts that takes writes. */
export async function openSession(urls: readonly string[], name: string): Promise<Session> {
  let problem: unknown = null;
  for (const url of urls) {
    try {
      return await connect(url, name);
    } catch (error) {
      problem = error;
    }
  }
  const reason = problem instanceof HoldfastError ? problem.message : whyUnreachable(problem);
  throw new HoldfastError('databaseUnavailable', reason, { cause: problem });
}

/** Never the driver's own sentence as a whole: it may quote the address with its password. */
function whyUnreachable(problem: unknown): string {
  const code = systemCode(problem) ?? 'no answer';
  return `the app's database cannot be reached (${code})`;
}

async function connect(url: string, name: string): Promise<Session> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    application_name: name.slice(0, 63),
    keepAlive: true,
  });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<{ readonly: string }>(
      "SELECT current_setting('transaction_read_only') AS readonly",
    );
    if (rows[0]?.readonly === 'on')
      throw new HoldfastError(
        'databaseUnavailable',
        "the app's database takes no writes now: it is a standby",
      );
    // One that sleeps outside of a transaction may hold the lock of an index build (run-outside.ts).
    // Under row security of the owner's own (FORCE) a table would look empty, and a backfill of nothing done.
    await client.query(
      "SET client_min_messages = warning; SET idle_in_transaction_session_timeout = '30s'; SET idle_session_timeout = '60s'; SET row_security = off",
    );
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
  return sessionOn(client);
}

function sessionOn(client: pg.Client): Session {
  const query = async <Row>(text: string, values?: readonly unknown[]) => {
    const result = await client.query(text, values ? [...values] : []);
    return { rows: result.rows as Row[], rowCount: result.rowCount };
  };
  return {
    query,
    script: async (text) => void (await client.query(text)),
    transaction: async (settings, work) => {
      await client.query(`BEGIN; ${settingsText(settings)}`);
      try {
        const value = await work({ query });
        await client.query('COMMIT');
        return value;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {});
        throw error;
      }
    },
    close: async () => void (await client.end().catch(() => {})),
  };
}

function settingsText({ lockMs, statementMs, hasty, fills }: Settings): string {
  const fast = hasty ? ' SET LOCAL synchronous_commit = off;' : '';
  // Triggers made by version 0.2 heed the first and mean every backfill, the others the second.
  const own = fills
    ? ` SET LOCAL holdfast.backfill = 'on'; SET LOCAL ${BACKFILL_SETTING} = ${quoteText(fills)};`
    : '';
  return `SET LOCAL lock_timeout = ${Math.round(lockMs)}; SET LOCAL statement_timeout = ${Math.round(statementMs)}; SET LOCAL idle_in_transaction_session_timeout = ${IDLE_MS};${fast}${own}`;
}

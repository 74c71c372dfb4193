import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import mysql from 'mysql2/promise';

/**
 * One connection to a user's MySQL or MariaDB. It waits for no lock longer than a second: whoever stands behind
 * it in the queue for a table waits as long as it does.
 */
export interface MysqlSession {
  query<Row = Record<string, unknown>>(
    text: string,
    values?: readonly (string | number | null)[],
  ): Promise<readonly Row[]>;
  /** How many rows a statement changed. */
  change(text: string, values?: readonly (string | number | null)[]): Promise<number>;
  close(): Promise<void>;
}

export interface MysqlPlace {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

const CONNECT_MS = 5_000;
const LOCK_SECONDS = 1;
/** A controller that is stopped must not keep what it holds: the server ends its session. */
const IDLE_SECONDS = 20;

export function isMysqlUrl(url: string): boolean {
  return /^(?:mysql|mariadb):\/\//.test(url);
}

/** Throws `configInvalid` without quoting the address: it holds the password. */
export function readMysqlUrl(url: string): MysqlPlace {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const database = decodeURIComponent(parsed?.pathname.slice(1) ?? '');
  if (!parsed || parsed.hostname === '' || parsed.username === '' || !/^[\w$-]+$/.test(database))
    throw new HoldfastError(
      'configInvalid',
      'the secret that migrations.database names is no address such as mysql://user:password@host:3306/database',
    );
  const odd = [...parsed.searchParams.keys()][0];
  if (odd !== undefined)
    throw new HoldfastError(
      'configInvalid',
      `the secret that migrations.database names has the parameter ${odd}, expected none`,
    );
  return {
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: Number(parsed.port || 3306),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    database,
  };
}

export async function openMysql(place: MysqlPlace): Promise<MysqlSession> {
  try {
    const connection = await mysql.createConnection({
      ...place,
      connectTimeout: CONNECT_MS,
      charset: 'utf8mb4',
      supportBigNumbers: true,
      bigNumberStrings: true,
      dateStrings: true,
    });
    connection.on('error', () => {});
    const session = sessionOn(connection);
    await session.query(
      `SET SESSION lock_wait_timeout = ${LOCK_SECONDS}, innodb_lock_wait_timeout = ${LOCK_SECONDS}, wait_timeout = ${IDLE_SECONDS},
       sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), time_zone = '+00:00'`,
    );
    const [server] = await session.query<{ readonly: string }>('SELECT @@GLOBAL.read_only AS readonly');
    if (String(server?.readonly) === '1') {
      await session.close();
      throw new HoldfastError(
        'databaseUnavailable',
        "the app's database takes no writes now: it is read-only",
      );
    }
    return session;
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw new HoldfastError(
      'databaseUnavailable',
      `the app's database cannot be reached (${systemCode(error) ?? 'no answer'})`,
      { cause: error },
    );
  }
}

function sessionOn(connection: mysql.Connection): MysqlSession {
  return {
    query: async <Row>(text: string, values: readonly (string | number | null)[] = []) => {
      const [rows] = await connection.query(text, [...values]);
      return rows as Row[];
    },
    change: async (text, values = []) => {
      const [result] = await connection.query(text, [...values]);
      return (result as mysql.ResultSetHeader).affectedRows;
    },
    close: async () => {
      await connection.end().catch(() => connection.destroy());
    },
  };
}

/** `name`, as MySQL quotes it. */
export function quoteMysql(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

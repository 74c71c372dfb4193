import { isIP } from 'node:net';
import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import mysql from 'mysql2/promise';
import { type MysqlTls, readMysqlTls, tlsOptions } from './mysql-tls.ts';

/**
 * One connection to a user's MySQL or MariaDB. It waits for no lock longer than a second: whoever stands behind
 * it in the queue for a table waits as long as it does.
 */
export interface MysqlSession {
  query<Row = Record<string, unknown>>(text: string, values?: readonly MysqlValue[]): Promise<readonly Row[]>;
  /** Work that may take its time: an index that is built. */
  slowly(text: string): Promise<void>;
  close(): Promise<void>;
}

export type MysqlValue = string | number | null;

export interface MysqlPlace {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** null: in the clear. */
  readonly tls: MysqlTls | null;
}

const CONNECT_MS = 5_000;
const QUERY_MS = 30_000;
const LOCK_SECONDS = 1;
/** A controller that is stopped must not keep what it holds: the server ends its session. */
const IDLE_SECONDS = 20;
const KEEP_ALIVE_MS = 5_000;

export function isMysqlUrl(url: string): boolean {
  return /^(?:mysql|mariadb):\/\//.test(url);
}

/** Throws `configInvalid` without quoting the address: it holds the password. */
export function readMysqlUrl(url: string): MysqlPlace {
  const bad = (why: string) =>
    new HoldfastError('configInvalid', `the secret that migrations.database names ${why}`);
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const word = (text: string) => {
    try {
      return decodeURIComponent(text);
    } catch {
      throw bad('has a % that begins no character; write it as %25');
    }
  };
  const database = word(parsed?.pathname.slice(1) ?? '');
  if (!parsed || parsed.hostname === '' || parsed.username === '' || !/^[\w$-]+$/.test(database))
    throw bad('is no address such as mysql://user:password@host:3306/database');
  const [user, password] = [word(parsed.username), word(parsed.password)];
  if (/\p{Cc}/u.test(user + password)) throw bad('has a control character in user or password');
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  const tls = readMysqlTls(parsed.searchParams, bad);
  if (tls?.mode === 'verify-identity' && (isIP(host) !== 0 || host === 'localhost'))
    throw bad('names its host so that no certificate can be verified: use the name that the certificate has');
  return {
    host,
    port: Number(parsed.port || 3306),
    user,
    password,
    database,
    tls,
  };
}

export async function openMysql(place: MysqlPlace): Promise<MysqlSession> {
  let connection: mysql.Connection | null = null;
  const { tls, ...account } = place;
  const ssl = tls ? { ssl: tlsOptions(tls) } : {};
  try {
    connection = await mysql.createConnection({
      ...account,
      ...ssl,
      connectTimeout: CONNECT_MS,
      charset: 'utf8mb4',
      supportBigNumbers: true,
      bigNumberStrings: true,
      dateStrings: true,
      enableKeepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    });
    connection.on('error', () => {});
    const session = sessionOn(connection);
    await session.query(
      `SET SESSION lock_wait_timeout = ${LOCK_SECONDS}, innodb_lock_wait_timeout = ${LOCK_SECONDS}, wait_timeout = ${IDLE_SECONDS},
       group_concat_max_len = 1048576, sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), time_zone = '+00:00'`,
    );
    // MySQL's figures of how large tables are may be a day old otherwise; MariaDB does not know the word.
    await session.query('SET SESSION information_schema_stats_expiry = 0').catch(unlessUnknown);
    const [server] = await session.query<{ readonly: string }>('SELECT @@GLOBAL.read_only AS readonly');
    if (String(server?.readonly) === '1')
      throw new HoldfastError(
        'databaseUnavailable',
        "the app's database takes no writes now: it is read-only",
      );
    return session;
  } catch (error) {
    connection?.destroy();
    if (error instanceof HoldfastError) throw error;
    throw new HoldfastError(
      'databaseUnavailable',
      `the app's database cannot be reached (${systemCode(error) ?? 'no answer'})`,
      { cause: error },
    );
  }
}

function unlessUnknown(error: unknown): void {
  if (systemCode(error) !== 'ER_UNKNOWN_SYSTEM_VARIABLE') throw error;
}

function sessionOn(connection: mysql.Connection): MysqlSession {
  return {
    query: async <Row>(sql: string, values: readonly MysqlValue[] = []) => {
      const [rows] = await connection.query({ sql, values: [...values], timeout: QUERY_MS });
      return rows as Row[];
    },
    slowly: async (text) => void (await connection.query(text)),
    close: async () => {
      const gone = new Promise((done) => setTimeout(done, 1_000).unref());
      await Promise.race([connection.end().catch(() => {}), gone]);
      connection.destroy();
    },
  };
}

/** `name`, as MySQL quotes it. */
export function quoteMysql(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

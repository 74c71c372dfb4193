import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import type { MysqlSession } from './mysql-session.ts';

/**
 * A statement that needs a table for itself, for a moment. Whoever waits for a table makes everybody wait who comes
 * after, so it asks without waiting first, and waits for a second only where no transaction is open that would outlast
 * it. MySQL knows no asking without waiting: there it looks before each try.
 */
const TRIES = 20;
const WAITING_TRIES = 3;
const PAUSE_MS = 40;

export async function withTableLock(sql: MysqlSession, text: string): Promise<void> {
  try {
    if (sql.leastLockSeconds === 0 && (await asks(sql, text))) return;
    await sql.query('SET SESSION lock_wait_timeout = 1');
    for (let tried = 0; tried < (sql.leastLockSeconds === 0 ? 1 : WAITING_TRIES); tried += 1) {
      const holder = await openTransaction(sql);
      if (holder !== null) throw new HoldfastError('databaseUnavailable', holder);
      if (await tries(sql, text)) return;
    }
    throw new HoldfastError('databaseUnavailable', 'the table was in use at every try');
  } finally {
    await sql.query('SET SESSION lock_wait_timeout = 1').catch(() => {});
  }
}

async function asks(sql: MysqlSession, text: string): Promise<boolean> {
  await sql.query('SET SESSION lock_wait_timeout = 0');
  for (let tried = 0; tried < TRIES; tried += 1) {
    if (await tries(sql, text)) return true;
    await new Promise((done) => setTimeout(done, PAUSE_MS * (0.5 + Math.random())));
  }
  return false;
}

async function tries(sql: MysqlSession, text: string): Promise<boolean> {
  try {
    await sql.slowly(text);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ER_LOCK_WAIT_TIMEOUT') return false;
    throw error;
  }
}

/** Which tables it has touched the server does not tell. What may not be seen is not looked at. */
async function openTransaction(sql: MysqlSession): Promise<string | null> {
  const [row] = await sql
    .query<{ thread: string; seconds: string | number }>(
      `SELECT trx_mysql_thread_id AS thread, TIMESTAMPDIFF(SECOND, trx_started, NOW()) AS seconds FROM information_schema.innodb_trx
       WHERE trx_mysql_thread_id NOT IN (0, CONNECTION_ID()) ORDER BY trx_started LIMIT 1`,
    )
    .catch(() => []);
  if (!row || Number(row.seconds) < 1) return null;
  return `thread ${row.thread} has had a transaction open for ${row.seconds} s`;
}

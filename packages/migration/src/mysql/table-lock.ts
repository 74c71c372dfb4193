import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import type { MysqlSession } from './mysql-session.ts';
import { oldestTransactions } from './open-transactions.ts';

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
    const asked = await askAtOnce(sql, text);
    if (asked === 'done') return;
    await sql.query('SET SESSION lock_wait_timeout = 1');
    for (let left = asked === 'inUse' ? 1 : WAITING_TRIES; left > 0; left -= 1) {
      const holder = await openTransaction(sql);
      if (holder !== null) throw new HoldfastError('databaseUnavailable', holder);
      if (await tries(sql, text)) return;
      if (left > 1) await pause();
    }
    throw new HoldfastError('databaseUnavailable', 'the table was in use at every try');
  } finally {
    await sql.query('SET SESSION lock_wait_timeout = 1').catch(() => {});
  }
}

async function askAtOnce(sql: MysqlSession, text: string): Promise<'done' | 'inUse' | 'cannotAsk'> {
  try {
    await sql.query('SET SESSION lock_wait_timeout = 0');
  } catch (error) {
    if (systemCode(error) === 'ER_WRONG_VALUE_FOR_VAR') return 'cannotAsk';
    throw error;
  }
  for (let tried = 0; tried < TRIES; tried += 1) {
    if (await tries(sql, text)) return 'done';
    await pause();
  }
  return 'inUse';
}

function pause(): Promise<void> {
  return new Promise((done) => setTimeout(done, PAUSE_MS * (0.5 + Math.random())));
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

/**
 * Which tables it has touched is not told to everybody. What this account may not see is not looked at; what cannot be seen
 * at this moment (MySQL fails while anybody's statement has bytes in it that are no text) is looked for again.
 */
async function openTransaction(sql: MysqlSession): Promise<string | null> {
  for (let looked = 0; looked < TRIES; looked += 1) {
    try {
      const [oldest] = await oldestTransactions(sql);
      if (!oldest || oldest.seconds < 1) return null;
      return `thread ${oldest.thread} has had a transaction open for ${oldest.seconds} s`;
    } catch (error) {
      if (systemCode(error) !== 'ER_CANNOT_CONVERT_STRING') throw error;
      await pause();
    }
  }
  return 'which transactions are open cannot be seen: somebody runs a statement with bytes in it that are no text';
}

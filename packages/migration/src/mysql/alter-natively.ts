import { isRefusedWay } from './mysql-failure.ts';
import { type MysqlSession, quoteMysql } from './mysql-session.ts';
import type { MysqlStatement } from './statements.ts';

/**
 * What the server itself can do without keeping anybody out. It refuses an algorithm that it cannot keep before it
 * begins, so asking is safe; only what it would copy is left to a tool that can be slowed down and stopped.
 * LOCK=NONE is always said: without it some statements take an algorithm's word and copy all the same.
 */
const INSTANT = ', ALGORITHM=INSTANT';
/** MariaDB's word for in place without a rebuild; MySQL has none, and INPLACE there may mean a rebuild. */
const NOCOPY = ', ALGORITHM=NOCOPY, LOCK=NONE';
const INDEX_ONLY = ', ALGORITHM=INPLACE, LOCK=NONE';
/** A copy of so little takes less time than a tool needs to begin. */
const SMALL_ROWS = 10_000;
const SMALL_BYTES = 8 * 1024 * 1024;

export async function alterNatively(sql: MysqlSession, { table, text }: MysqlStatement): Promise<boolean> {
  for (const way of await waysOf(sql, table, text)) {
    try {
      await sql.query(`ALTER TABLE ${quoteMysql(table)} ${text}${way}`);
      return true;
    } catch (error) {
      if (!isRefusedWay(error)) throw error;
    }
  }
  return false;
}

async function waysOf(sql: MysqlSession, table: string, text: string): Promise<readonly string[]> {
  const [size] = await sql.query<{ rows: number; bytes: number }>(
    `SELECT table_rows AS \`rows\`, data_length AS bytes FROM information_schema.tables
     WHERE table_schema = DATABASE() AND table_name = ?`,
    [table],
  );
  const small = size && Number(size.rows) <= SMALL_ROWS && Number(size.bytes) <= SMALL_BYTES;
  const chosen = /\b(?:ALGORITHM|LOCK)\s*=/i.test(text);
  if (chosen) return [''];
  if (/\bPARTITION\b/i.test(text)) return small ? [''] : [];
  const indexes = /^\s*(?:(?:ADD\s+(?:UNIQUE\s+)?|DROP\s+)(?:INDEX|KEY)\b|RENAME\s+(?:INDEX|KEY)\b)/i.test(
    text,
  );
  return [INSTANT, NOCOPY, ...(indexes ? [INDEX_ONLY] : []), ...(small ? [''] : [])];
}

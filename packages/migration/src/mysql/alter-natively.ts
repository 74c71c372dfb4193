import { isRefusedWay } from './mysql-failure.ts';
import { type MysqlSession, quoteMysql } from './mysql-session.ts';
import type { MysqlStatement } from './statements.ts';
import { withTableLock } from './table-lock.ts';

/**
 * What the server itself can do without keeping anybody out. It refuses an algorithm that it cannot keep before it
 * begins, so asking is safe; only what it would copy is left to a tool that can be slowed down and stopped.
 * LOCK=NONE is always said: without it some statements take an algorithm's word and copy all the same.
 */
export interface Way {
  readonly text: string;
  /** It reads or writes the whole table, and asks first whether it should. */
  readonly long: boolean;
}

const INSTANT: Way = { text: ', ALGORITHM=INSTANT', long: false };
/** MariaDB's word for in place without a rebuild; MySQL has none, and INPLACE there may mean a rebuild. */
const NOCOPY: Way = { text: ', ALGORITHM=NOCOPY, LOCK=NONE', long: true };
const INDEX_ONLY: Way = { text: ', ALGORITHM=INPLACE, LOCK=NONE', long: true };
/** A copy of so little takes less time than a tool needs to begin. */
export const SMALL: Way = { text: '', long: false };
const SMALL_ROWS = 10_000;

export async function waysOf(sql: MysqlSession, { table, bare }: MysqlStatement): Promise<readonly Way[]> {
  const small = await isSmall(sql, table);
  if (/\bPARTITION/i.test(bare)) return small ? [SMALL] : [];
  const indexes = /^\s*(?:(?:ADD (?:UNIQUE )?|DROP )(?:INDEX|KEY)\b|RENAME (?:INDEX|KEY)\b)/i.test(bare);
  return [INSTANT, NOCOPY, ...(indexes ? [INDEX_ONLY] : []), ...(small ? [SMALL] : [])];
}

/** Counted, and no further than it takes to know: statistics may be a day old. */
async function isSmall(sql: MysqlSession, table: string): Promise<boolean> {
  const [row] = await sql.query<{ n: string | number }>(
    `SELECT COUNT(*) AS n FROM (SELECT 1 FROM ${quoteMysql(table)} LIMIT ${SMALL_ROWS + 1}) AS some`,
  );
  return Number(row?.n) <= SMALL_ROWS;
}

/** False: the server refuses this way, and has done nothing. */
export async function alterBy(
  sql: MysqlSession,
  { table, text }: MysqlStatement,
  { text: way, long }: Way,
): Promise<boolean> {
  const statement = `ALTER TABLE ${quoteMysql(table)} ${text}${way}`;
  try {
    // A long one asks for the table at its end, too, and would throw its work away: it waits as long as it may.
    if (long) await sql.slowly(statement);
    else await withTableLock(sql, statement);
    return true;
  } catch (error) {
    if (isRefusedWay(error)) return false;
    throw error;
  }
}

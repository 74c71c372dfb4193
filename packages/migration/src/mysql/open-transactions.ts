import { systemCode } from '@holdfast/contract/errors.ts';
import type { MysqlSession } from './mysql-session.ts';

export interface OpenTransaction {
  readonly thread: string;
  readonly seconds: number;
}

const FORBIDDEN = ['ER_SPECIFIC_ACCESS_DENIED_ERROR', 'ER_ACCESS_DENIED_ERROR'];

/** Of others, the oldest first; none where the account may not see them. Their start is in the server's own time zone. */
export async function oldestTransactions(sql: MysqlSession): Promise<readonly OpenTransaction[]> {
  try {
    const rows = await sql.query<{ thread: string | number; seconds: string | number }>(
      `SELECT trx_mysql_thread_id AS thread, TIMESTAMPDIFF(SECOND, trx_started, CONVERT_TZ(NOW(), '+00:00', 'SYSTEM')) AS seconds
       FROM information_schema.innodb_trx WHERE trx_mysql_thread_id NOT IN (0, CONNECTION_ID()) ORDER BY trx_started LIMIT 1`,
    );
    return rows.map(({ thread, seconds }) => ({ thread: String(thread), seconds: Number(seconds) }));
  } catch (error) {
    if (FORBIDDEN.includes(systemCode(error) ?? '')) return [];
    throw error;
  }
}

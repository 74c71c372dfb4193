import { createHash } from 'node:crypto';
import { type MysqlSession, quoteMysql } from './mysql-session.ts';

/** Columns and keys of a table as one hash, without its name and what counts up with its rows; null: there is none. */
export async function shapeOf(sql: MysqlSession, table: string): Promise<string | null> {
  const [found] = await sql.query(
    "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ? AND table_type = 'BASE TABLE'",
    [table],
  );
  if (!found) return null;
  const [row] = await sql.query<{ 'Create Table': string }>(`SHOW CREATE TABLE ${quoteMysql(table)}`);
  const text = (row?.['Create Table'] ?? '')
    .replace(/^CREATE TABLE `(?:[^`]|``)*`/, '')
    .replace(/ AUTO_INCREMENT=\d+/, '');
  return createHash('sha256').update(text).digest('hex');
}

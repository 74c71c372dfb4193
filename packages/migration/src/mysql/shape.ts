import { createHash } from 'node:crypto';
import { type MysqlSession, quoteMysql } from './mysql-session.ts';

/**
 * Columns and keys of a table as one hash; null: there is none. Without its name, what counts up with its rows, the
 * foreign keys (a copy gives them other names), and the names that the server makes of the table's.
 */
export async function shapeOf(sql: MysqlSession, table: string): Promise<string | null> {
  const [found] = await sql.query(
    "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ? AND table_type = 'BASE TABLE'",
    [table],
  );
  if (!found) return null;
  const [row] = await sql.query<{ 'Create Table': string }>(`SHOW CREATE TABLE ${quoteMysql(table)}`);
  const lines = (row?.['Create Table'] ?? '').split('\n').slice(1);
  const telling = lines
    .filter((line) => !/^\s*CONSTRAINT `(?:[^`]|``)*` FOREIGN KEY/.test(line))
    .map((line) => line.replace(/^\s*CONSTRAINT `(?:[^`]|``)*` CHECK/, 'CHECK').replace(/,$/, ''))
    .map((line) => line.replace(/ AUTO_INCREMENT=\d+/, ''));
  return createHash('sha256').update(telling.join('\n')).digest('hex');
}

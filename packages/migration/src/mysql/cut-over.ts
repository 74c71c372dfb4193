import { clearCopy } from './clear-copy.ts';
import { type StepDetail, type StepKey, writeStep } from './mysql-ledger.ts';
import { type MysqlSession, quoteMysql } from './mysql-session.ts';
import { shapeOf } from './shape.ts';

/**
 * The copy takes the table's place in one atomic RENAME, which waits a second for whoever holds the table and then
 * lets everybody else through and is tried again later. Killed at any point it goes on: the shape tells whether the
 * names were exchanged.
 */
export async function cutOver(
  sql: MysqlSession,
  key: StepKey,
  { table, detail }: { readonly table: string; readonly detail: StepDetail },
): Promise<void> {
  const { shadow = '', after = '' } = detail;
  const old = `_holdfast_old_${key.version}_${key.place}`;
  await writeStep(sql, key, { state: 'cutting', detail });
  if ((await shapeOf(sql, shadow)) !== null)
    await sql.query(
      `RENAME TABLE ${quoteMysql(table)} TO ${quoteMysql(old)}, ${quoteMysql(shadow)} TO ${quoteMysql(table)}`,
    );
  if ((await shapeOf(sql, table)) !== after)
    throw new Error(`${table} has not the shape that was copied: somebody else has changed it`);
  // The triggers went along with the old table; dropping it drops them.
  await clearCopy(sql, old, null);
  await sql.query(`DROP TABLE IF EXISTS ${quoteMysql(old)}`);
  await writeStep(sql, key, { state: 'done', detail: {} });
}

import { clearCopy, triggersOf } from './clear-copy.ts';
import { type StepDetail, type StepKey, writeStep } from './mysql-ledger.ts';
import { type MysqlSession, quoteMysql } from './mysql-session.ts';
import { shapeOf } from './shape.ts';
import { withTableLock } from './table-lock.ts';

/**
 * The copy takes the table's place in one atomic RENAME. Killed at any point it goes on: while the shadow stands, the
 * names were not exchanged. What somebody else has changed since it was copied ends it: an exchange would undo that.
 */
const TRIGGERS = 3;

/** Why it may not be exchanged; null: it was. */
export async function cutOver(
  sql: MysqlSession,
  key: StepKey,
  { table, detail }: { readonly table: string; readonly detail: StepDetail },
): Promise<string | null> {
  const { shadow = '' } = detail;
  const old = oldName(detail);
  const whole = await shapeOf(sql, shadow);
  if (whole !== null) {
    if ((await triggersOf(sql, table, shadow)).ours.length !== TRIGGERS)
      return `the triggers that keep the copy of ${table} whole are gone`;
    if ((await shapeOf(sql, table)) !== detail.before || whole !== detail.after)
      return `${table} or its copy was changed by somebody else`;
    await writeStep(sql, key, { state: 'cutting', detail });
    await withTableLock(
      sql,
      `RENAME TABLE ${quoteMysql(table)} TO ${quoteMysql(old)}, ${quoteMysql(shadow)} TO ${quoteMysql(table)}`,
    );
  } else if (!(await isExchanged(sql, { table, detail }))) return `the copy of ${table} is gone`;
  // The triggers went along with the old table, and name the shadow that was.
  await clearCopy(sql, old, shadow);
  await sql.query(`DROP TABLE IF EXISTS ${quoteMysql(old)}`);
  await writeStep(sql, key, { state: 'done', detail: {} });
  return null;
}

/** Of this try alone, as the shadow's. */
function oldName({ shadow = '' }: StepDetail): string {
  return shadow.replace('_holdfast_new_', '_holdfast_old_');
}

/** Asked only after RENAME was begun: the shadow is no more, and the table is what the shadow was. */
export async function isExchanged(
  sql: MysqlSession,
  { table, detail }: { readonly table: string; readonly detail: StepDetail },
): Promise<boolean> {
  return (await shapeOf(sql, detail.shadow ?? '')) === null && (await shapeOf(sql, table)) === detail.after;
}

import { type MysqlSession, quoteMysql } from './mysql-session.ts';
import { withTableLock } from './table-lock.ts';

interface TriggerRow {
  readonly name: string;
  readonly body: string;
}

/** Triggers on a table that keep this shadow whole, and all others. */
export async function triggersOf(
  sql: MysqlSession,
  table: string,
  shadow: string | null,
): Promise<{ readonly ours: readonly string[]; readonly others: readonly string[] }> {
  const found = await sql.query<TriggerRow>(
    `SELECT trigger_name AS name, action_statement AS body FROM information_schema.triggers
     WHERE event_object_schema = DATABASE() AND event_object_table = ?`,
    [table],
  );
  const isOurs = ({ name, body }: TriggerRow) =>
    shadow !== null && name.startsWith('pt_osc_') && body.includes(quoteMysql(shadow));
  return {
    ours: found.filter(isOurs).map(({ name }) => name),
    others: found.filter((row) => !isOurs(row)).map(({ name }) => name),
  };
}

/** Triggers first: a trigger without its shadow fails every write of the app. */
export async function clearCopy(sql: MysqlSession, table: string, shadow: string | null): Promise<void> {
  if (shadow === null) return;
  for (const name of (await triggersOf(sql, table, shadow)).ours)
    await withTableLock(sql, `DROP TRIGGER IF EXISTS ${quoteMysql(name)}`);
  await sql.query(`DROP TABLE IF EXISTS ${quoteMysql(shadow)}`);
}

/** Connections of a tool whose controller is gone or asleep: it must write nothing more. Found by the locks they hold. */
export async function endTool(sql: MysqlSession, token: string | undefined): Promise<void> {
  for (const number of token === undefined ? [] : [0, 1]) {
    const [row] = await sql.query<{ id: string | number | null }>('SELECT IS_USED_LOCK(?) AS id', [
      `${token} ${number}`,
    ]);
    if (row?.id != null) await sql.query(`KILL CONNECTION ${Math.trunc(Number(row.id))}`).catch(() => {});
  }
}

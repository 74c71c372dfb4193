import { type MysqlSession, quoteMysql } from './mysql-session.ts';

interface TriggerRow {
  readonly name: string;
  readonly body: string;
}

/** Triggers on the table that a copying tool made, and those that it did not make. */
export async function triggersOf(
  sql: MysqlSession,
  table: string,
): Promise<{ readonly tool: readonly string[]; readonly own: readonly string[] }> {
  const found = await sql.query<TriggerRow>(
    `SELECT trigger_name AS name, action_statement AS body FROM information_schema.triggers
     WHERE event_object_schema = DATABASE() AND event_object_table = ?`,
    [table],
  );
  const isTool = ({ name }: TriggerRow) => name.startsWith('pt_osc_');
  return {
    tool: found.filter(isTool).map(({ name }) => name),
    own: found.filter((row) => !isTool(row)).map(({ name }) => name),
  };
}

/** Triggers first: a trigger without its shadow fails every write of the app. */
export async function clearCopy(sql: MysqlSession, table: string, shadow: string | null): Promise<void> {
  for (const name of (await triggersOf(sql, table)).tool)
    await sql.query(`DROP TRIGGER IF EXISTS ${quoteMysql(name)}`);
  if (shadow !== null) await sql.query(`DROP TABLE IF EXISTS ${quoteMysql(shadow)}`);
}

/** Connections of a tool whose controller is gone or asleep: it must write nothing more. */
export async function endConnections(sql: MysqlSession, ids: readonly number[]): Promise<void> {
  for (const id of ids) await sql.query(`KILL CONNECTION ${Math.trunc(id)}`).catch(() => {});
}

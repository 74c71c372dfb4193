import type { Signal } from '@holdfast/core/migration/throttle.ts';
import type { MysqlSession } from './mysql-session.ts';
import { oldestTransactions } from './open-transactions.ts';

/** What the server says of itself that a copy should rest for. What it does not show (to this role, or at this moment) is not looked at. */
export async function readMysqlSignals(
  sql: MysqlSession,
  userQuery: string | null,
): Promise<readonly Signal[]> {
  const status = await sql.query<{ Variable_name: string; Value: string }>(
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_running')",
  );
  const signals: Signal[] = status.map(({ Value }) => ({ name: 'activeBackends', value: Number(Value) }));
  const [oldest] = await oldestTransactions(sql).catch(() => []);
  if (oldest) signals.push({ name: 'oldestTransactionMs', value: oldest.seconds * 1_000 });
  const [size] = await sql.query<{ bytes: string | number | null }>(
    'SELECT SUM(data_length + index_length) AS bytes FROM information_schema.tables WHERE table_schema = DATABASE()',
  );
  signals.push({ name: 'databaseBytes', value: Number(size?.bytes ?? 0) });
  // Not by information_schema: MySQL fails there while anybody's statement has bytes in it that are no text.
  const sessions = await sql.query<{ State: string | null }>('SHOW PROCESSLIST');
  const waiting = sessions.filter(({ State }) => State === 'Waiting for table metadata lock');
  signals.push({ name: 'waitingForLock', value: waiting.length });
  if (userQuery === null) return signals;
  const [row] = await sql.query<Record<string, unknown>>(userQuery);
  return [...signals, { name: 'userQuery', value: Number(Object.values(row ?? { none: 0 })[0] ?? 0) }];
}

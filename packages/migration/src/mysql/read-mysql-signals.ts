import type { Signal } from '@holdfast/core/migration/throttle.ts';
import type { MysqlSession } from './mysql-session.ts';

/** What the server says of itself that a copy should rest for. What its role may not see is not looked at. */
export async function readMysqlSignals(
  sql: MysqlSession,
  userQuery: string | null,
): Promise<readonly Signal[]> {
  const status = await sql.query<{ Variable_name: string; Value: string }>(
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_running')",
  );
  const signals: Signal[] = status.map(({ Value }) => ({ name: 'activeBackends', value: Number(Value) }));
  const [oldest] = await sql
    .query<{ seconds: string | number | null }>(
      'SELECT MAX(TIMESTAMPDIFF(SECOND, trx_started, NOW())) AS seconds FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> CONNECTION_ID()',
    )
    .catch(() => []);
  if (oldest?.seconds != null)
    signals.push({ name: 'oldestTransactionMs', value: Number(oldest.seconds) * 1_000 });
  const [size] = await sql.query<{ bytes: string | number | null }>(
    'SELECT SUM(data_length + index_length) AS bytes FROM information_schema.tables WHERE table_schema = DATABASE()',
  );
  signals.push({ name: 'databaseBytes', value: Number(size?.bytes ?? 0) });
  const waiting = await sql.query<{ n: string | number }>(
    "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE state = 'Waiting for table metadata lock'",
  );
  signals.push({ name: 'waitingForLock', value: Number(waiting[0]?.n ?? 0) });
  if (userQuery === null) return signals;
  const [row] = await sql.query<Record<string, unknown>>(userQuery);
  return [...signals, { name: 'userQuery', value: Number(Object.values(row ?? { none: 0 })[0] ?? 0) }];
}

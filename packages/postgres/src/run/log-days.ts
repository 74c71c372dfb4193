import type { Queryable, Transactor } from '../database.ts';
import { isBusyLock } from '../failures.ts';

/**
 * The parts of `log_chunk`: one a day, made before they are needed, dropped when nothing in them is younger than
 * what is kept. A part that cannot be had within a moment is left for the next sweep: nobody waits behind it.
 */
const AHEAD_DAYS = 3;
const LOCK = "SET LOCAL lock_timeout = '500ms'";

interface Part {
  readonly name: string;
  /** The first day that is not in it, as YYYY-MM-DD. */
  readonly ends: string;
}

export async function keepLogDays(database: Transactor, keepDays: number): Promise<readonly string[]> {
  const parts = await partsOf(database);
  const { today, horizon, oldest } = await daysOf(database, keepDays);
  let day = parts.at(-1)?.ends ?? today;
  for (; day < horizon; day = await nextDay(database, day)) await addDay(database, day);
  const dropped: string[] = [];
  for (const { name, ends } of parts)
    if (ends <= oldest && (await dropPart(database, name))) dropped.push(name);
  await database.query('DELETE FROM log_chunk_rest WHERE at < $1::date', [oldest]);
  return dropped;
}

/** By the end of each range, oldest first; the one for ids of no day has none. */
async function partsOf(sql: Queryable): Promise<readonly Part[]> {
  const found = await sql.query<Part>(
    `SELECT * FROM (
       SELECT part.relname AS name, to_char(to_timestamp(
         ('x' || substr(replace(substring(pg_get_expr(part.relpartbound, part.oid) FROM 'TO \\(''([0-9a-f-]+)''\\)'), '-', ''), 1, 12))::bit(48)::bigint / 1000.0)
         AT TIME ZONE 'utc', 'YYYY-MM-DD') AS ends
       FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid WHERE inhparent = 'log_chunk'::regclass) AS known
     WHERE ends IS NOT NULL ORDER BY ends`,
  );
  return found.rows;
}

async function daysOf(
  sql: Queryable,
  keepDays: number,
): Promise<{ readonly today: string; readonly horizon: string; readonly oldest: string }> {
  const day = (shift: string) =>
    `to_char((clock_timestamp() AT TIME ZONE 'utc')::date + ${shift}, 'YYYY-MM-DD')`;
  const found = await sql.query<{ today: string; horizon: string; oldest: string }>(
    `SELECT ${day('0')} AS today, ${day('$1::int')} AS horizon, ${day('-$2::int')} AS oldest`,
    [AHEAD_DAYS, keepDays],
  );
  return found.rows[0] as { today: string; horizon: string; oldest: string };
}

async function nextDay(sql: Queryable, day: string): Promise<string> {
  const found = await sql.query<{ next: string }>("SELECT to_char($1::date + 1, 'YYYY-MM-DD') AS next", [
    day,
  ]);
  return found.rows[0]?.next ?? day;
}

/** Attached, not created in place: that would lock writers out, this only whoever has ids of no day. */
async function addDay(database: Transactor, day: string): Promise<void> {
  const name = `log_chunk_${day.replaceAll('-', '')}`;
  await database.transaction(async (sql) => {
    await sql.query(LOCK);
    const bounds = await sql.query<{ from: string; to: string }>(
      'SELECT log_day_begins($1::date)::text AS from, log_day_begins($1::date + 1)::text AS to',
      [day],
    );
    const { from, to } = bounds.rows[0] as { from: string; to: string };
    await sql.query(
      `CREATE TABLE IF NOT EXISTS ${name} (LIKE log_chunk INCLUDING DEFAULTS INCLUDING INDEXES)`,
    );
    // A clock that was ahead has written for this day already.
    await sql.query(
      `WITH moved AS (DELETE FROM log_chunk_rest WHERE attempt_id >= $1 AND attempt_id < $2 RETURNING *) INSERT INTO ${name} SELECT * FROM moved`,
      [from, to],
    );
    await sql.query(
      `ALTER TABLE log_chunk ATTACH PARTITION ${name} FOR VALUES FROM ('${from}') TO ('${to}')`,
    );
  });
}

async function dropPart(database: Transactor, name: string): Promise<boolean> {
  try {
    await database.transaction(async (sql) => {
      await sql.query(LOCK);
      await sql.query(`DROP TABLE ${name}`);
    });
    return true;
  } catch (error) {
    if (isBusyLock(error)) return false;
    throw error;
  }
}

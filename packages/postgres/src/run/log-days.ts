import type { Queryable, Transactor } from '../database.ts';
import { addPart, dropPart } from '../parts.ts';

/** The parts of `log_chunk`, one a day. */
const AHEAD_DAYS = 3;

interface Part {
  readonly name: string;
  /** The first day that is not in it, as YYYY-MM-DD. */
  readonly ends: string;
}

export async function keepLogDays(database: Transactor, keepDays: number): Promise<readonly string[]> {
  const parts = await partsOf(database);
  const { today, horizon, oldest } = await daysOf(database, keepDays);
  let day = parts.at(-1)?.ends ?? today;
  for (; day < horizon; day = await nextDay(database, day)) if (!(await addDay(database, day))) break;
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

/** A clock that was ahead may have written for this day already. */
async function addDay(database: Transactor, day: string): Promise<boolean> {
  const bounds = await database.query<{ from: string; to: string }>(
    'SELECT log_day_begins($1::date)::text AS from, log_day_begins($1::date + 1)::text AS to',
    [day],
  );
  const { from, to } = bounds.rows[0] as { from: string; to: string };
  const name = `log_chunk_${day.replaceAll('-', '')}`;
  return addPart(database, { table: 'log_chunk', name, column: 'attempt_id', from, to });
}

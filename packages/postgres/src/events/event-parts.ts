import type { Queryable, Transactor } from '../database.ts';
import { addPart, dropPart } from '../parts.ts';

/** The parts of `event`, each for so many places; a busy installation fills one in a day. */
const WIDTH = 250_000;
const AHEAD = 2;

interface Part {
  readonly name: string;
  /** The first place that is not in it. */
  readonly ends: number;
}

/** An event is kept for at least so many days, and until its part has none that is younger. */
export async function keepEventParts(database: Transactor, keepDays: number): Promise<readonly string[]> {
  const parts = await partsOf(database);
  const reached = await reachedPlace(database);
  let ends = parts.at(-1)?.ends ?? WIDTH;
  for (; ends <= reached + AHEAD * WIDTH; ends += WIDTH) {
    const part = { name: `event_from_${ends}`, from: ends, to: ends + WIDTH };
    if (!(await addPart(database, { table: 'event', column: 'position', ...part }))) break;
  }
  const dropped: string[] = [];
  for (const part of parts)
    if (
      part.ends <= reached &&
      (await isOld(database, part, keepDays)) &&
      (await dropPart(database, part.name))
    )
      dropped.push(part.name);
  return dropped;
}

async function partsOf(sql: Queryable): Promise<readonly Part[]> {
  const found = await sql.query<Part>(
    `SELECT * FROM (
       SELECT part.relname AS name,
         substring(pg_get_expr(part.relpartbound, part.oid) FROM 'TO \\(''?(\\d+)''?\\)')::float8 AS ends
       FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid WHERE inhparent = 'event'::regclass) AS known
     WHERE ends IS NOT NULL ORDER BY ends`,
  );
  return found.rows;
}

/** Places are given from a sequence, which also knows of those whose events have gone. */
async function reachedPlace(sql: Queryable): Promise<number> {
  const found = await sql.query<{ reached: number }>(
    'SELECT last_value::float8 AS reached FROM event_position',
  );
  return found.rows[0]?.reached ?? 0;
}

async function isOld(sql: Queryable, { name }: Part, keepDays: number): Promise<boolean> {
  const found = await sql.query<{ old: boolean }>(
    `SELECT at < clock_timestamp() - make_interval(days => $1) AS old FROM ${name} ORDER BY position DESC LIMIT 1`,
    [keepDays],
  );
  return found.rows[0]?.old ?? true;
}

import type { Sql } from '../catalog/read-catalog.ts';
import { quoteRelation } from '../sql/names.ts';
import { keyText, rangeText, type TableKey } from './table-key.ts';

/** Cuts a table into ranges of a given number of rows. */
export async function highestKey(sql: Sql, table: string, key: TableKey): Promise<readonly string[] | null> {
  const relation = quoteRelation(table);
  if (key.byBlocks) {
    const { rows } = await sql.query<{ blocks: string }>(
      "SELECT (pg_relation_size($1::regclass) / current_setting('block_size')::int)::text AS blocks",
      [relation],
    );
    return [rows[0]?.blocks ?? '0'];
  }
  const names = keyText(key, 't');
  const order = names
    .split(', ')
    .map((name) => `${name} DESC`)
    .join(', ');
  const { rows } = await sql.query<{ key: (string | null)[] }>(
    `SELECT ARRAY[${asText(names)}] AS key FROM ${relation} t ORDER BY ${order} LIMIT 1`,
  );
  const highest = rows[0]?.key ?? null;
  // NULL is the highest of all, and nothing is below it.
  if (highest?.includes(null)) throw new Error(`the key of ${table} holds NULL`);
  return highest as readonly string[] | null;
}

/** The key of the row that ends the next batch; null: there is none. Gaps in the keys cost nothing. */
export async function nextEnd(
  sql: Sql,
  table: string,
  {
    key,
    from,
    high,
    rows: wanted,
    rowsPerBlock,
  }: {
    readonly key: TableKey;
    readonly from: readonly string[] | null;
    readonly high: readonly string[];
    readonly rows: number;
    readonly rowsPerBlock: number;
  },
): Promise<readonly string[] | null> {
  if (key.byBlocks) {
    const [low, end] = [Number(from?.[0] ?? 0), Number(high[0] ?? 0)];
    return low >= end
      ? null
      : [String(Math.min(end, low + Math.max(1, Math.round(wanted / Math.max(1, rowsPerBlock)))))];
  }
  const names = keyText(key, 't');
  const range = rangeText(key, { alias: 't', from, to: high });
  const { rows } = await sql.query<{ key: string[] }>(
    `SELECT ARRAY[${asText(names)}] AS key FROM (SELECT ${names} FROM ${quoteRelation(table)} t WHERE ${range.text} ORDER BY ${names} LIMIT ${wanted}) t
     ORDER BY ${names
       .split(', ')
       .map((name) => `${name} DESC`)
       .join(', ')} LIMIT 1`,
    range.values,
  );
  return rows[0]?.key ?? null;
}

function asText(names: string): string {
  return names
    .split(', ')
    .map((name) => `${name}::text`)
    .join(', ');
}

/** What the planner knows of a table. */
export async function sizeOf(
  sql: Sql,
  table: string,
): Promise<{ readonly rows: number; readonly blocks: number }> {
  const { rows } = await sql.query<{ rows: number; blocks: number }>(
    `SELECT greatest(sum(c.reltuples), 0)::float8 AS rows, greatest(sum(c.relpages), 0)::float8 AS blocks
     FROM pg_class c WHERE c.oid = to_regclass($1) OR c.oid IN (SELECT relid FROM pg_partition_tree(to_regclass($1)) WHERE isleaf)`,
    [quoteRelation(table)],
  );
  return rows[0] ?? { rows: 0, blocks: 0 };
}

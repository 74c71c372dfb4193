import { HoldfastError } from '@holdfast/contract/errors.ts';
import { type MysqlSession, quoteMysql } from './mysql-session.ts';

/**
 * A copy beside its original, by count and checksum of the columns that both have, range by range of the primary
 * key, each in one snapshot of both: the triggers change both in one transaction, so they must be equal at any
 * moment. What tools lose without a word shows here: values of a renamed column, what was cut off, NULLs that became
 * something, rows that a new unique key has swallowed.
 */
export interface Compared {
  readonly table: string;
  readonly shadow: string;
  /** The statement, where it says which columns go. */
  readonly change: string;
  /** The author accepts that values change. */
  readonly countOnly: boolean;
}

export type Key = readonly (string | number | null)[];

export interface RangeResult {
  /** null: it was the last range. */
  readonly next: Key | null;
  readonly rows: number;
  readonly differs: boolean;
}

export interface Comparison {
  readonly key: readonly string[];
  readonly values: string;
}

interface ColumnRow {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly keyed: string | number;
}

const RANGE_ROWS = 20_000;

/** Throws when a column would be lost. */
export async function planComparison(
  sql: MysqlSession,
  { table, shadow, change, countOnly }: Compared,
): Promise<Comparison> {
  const rows = await sql.query<ColumnRow>(
    `SELECT c.table_name AS \`table\`, c.column_name AS name, c.data_type AS type, c.column_key = 'PRI' AS keyed
     FROM information_schema.columns c WHERE c.table_schema = DATABASE() AND c.table_name IN (?, ?) ORDER BY c.ordinal_position`,
    [table, shadow],
  );
  const old = rows.filter((row) => row.table === table);
  const fresh = new Map(rows.filter((row) => row.table === shadow).map((row) => [row.name, row]));
  const lost = old.find(({ name }) => !fresh.has(name) && !isDropped(name, change));
  if (lost)
    throw new HoldfastError(
      'migrationInvalid',
      `the values of ${table}.${lost.name} would be lost: the new table has no such column, and the change does not drop it`,
    );
  const key = old.filter(({ keyed }) => Number(keyed) === 1).map(({ name }) => name);
  if (key.length === 0 || key.some((name) => !fresh.has(name)))
    throw new HoldfastError('migrationInvalid', `${table} and its copy have no primary key in common`);
  const both = countOnly
    ? key.map((name) => ({ name, type: '' }))
    : old.filter(({ name }) => fresh.has(name));
  // The separator cannot be made up by values: each says its length, and NULL is no text.
  const values = both.map(({ name, type }) => {
    const text = /blob|binary|bit|geometry|point|polygon|linestring/i.test(type)
      ? `HEX(${quoteMysql(name)})`
      : `CONVERT(${quoteMysql(name)} USING utf8mb4)`;
    return `IFNULL(CONCAT(LENGTH(${text}), ':', ${text}), 'N')`;
  });
  return { key, values: `CONCAT_WS(',', ${values.join(', ')})` };
}

function isDropped(name: string, change: string): boolean {
  const escaped = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`\\bDROP\\s+(?:COLUMN\\s+)?(?:IF\\s+EXISTS\\s+)?\`?${escaped}\`?(?![\\w$])`, 'i').test(
    change,
  );
}

export async function compareRange(
  sql: MysqlSession,
  { table, shadow }: Compared,
  { plan, from }: { readonly plan: Comparison; readonly from: Key | null },
): Promise<RangeResult> {
  await sql.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  await sql.query('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
  try {
    const next = await endOfRange(sql, table, { plan, from });
    const [one, other] = [
      await sumOf(sql, table, { plan, from, next }),
      await sumOf(sql, shadow, { plan, from, next }),
    ];
    return { next, rows: one.rows, differs: one.rows !== other.rows || one.sum !== other.sum };
  } finally {
    await sql.query('COMMIT');
  }
}

interface Range {
  readonly plan: Comparison;
  readonly from: Key | null;
  readonly next: Key | null;
}

async function endOfRange(
  sql: MysqlSession,
  table: string,
  { plan, from }: Omit<Range, 'next'>,
): Promise<Key | null> {
  const names = plan.key.map(quoteMysql).join(', ');
  const after = from === null ? { text: '1 = 1', values: [] } : beyond(plan.key, from, '>');
  const [row] = await sql.query<Record<string, string | number | null>>(
    `SELECT ${names} FROM ${quoteMysql(table)} WHERE ${after.text} ORDER BY ${names} LIMIT 1 OFFSET ${RANGE_ROWS}`,
    after.values,
  );
  return row ? plan.key.map((name) => row[name] ?? null) : null;
}

async function sumOf(
  sql: MysqlSession,
  table: string,
  { plan, from, next }: Range,
): Promise<{ readonly rows: number; readonly sum: string }> {
  const parts = [
    ...(from === null ? [] : [beyond(plan.key, from, '>')]),
    ...(next === null ? [] : [beyond(plan.key, next, '<=')]),
  ];
  const where = parts.map(({ text }) => `(${text})`).join(' AND ') || '1 = 1';
  const [row] = await sql.query<{ rows: string | number; sum: string | number }>(
    `SELECT COUNT(*) AS \`rows\`, BIT_XOR(CONV(SUBSTRING(MD5(${plan.values}), 1, 15), 16, 10) + 0) AS sum
     FROM ${quoteMysql(table)} WHERE ${where}`,
    parts.flatMap(({ values }) => values),
  );
  return { rows: Number(row?.rows ?? 0), sum: String(row?.sum ?? 0) };
}

/** A row of keys before or behind another, column by column: optimizers read it where they do not read tuples. */
function beyond(
  names: readonly string[],
  key: Key,
  sign: '>' | '<=',
): { readonly text: string; readonly values: (string | number | null)[] } {
  const strict = sign === '>' ? '>' : '<';
  const values: (string | number | null)[] = [];
  const terms = names.map((name, at) => {
    const equal = names.slice(0, at).map((before, place) => {
      values.push(key[place] ?? null);
      return `${quoteMysql(before)} = ?`;
    });
    values.push(key[at] ?? null);
    const last = at === names.length - 1 ? sign : strict;
    return [...equal, `${quoteMysql(name)} ${last} ?`].join(' AND ');
  });
  return { text: terms.map((term) => `(${term})`).join(' OR '), values };
}

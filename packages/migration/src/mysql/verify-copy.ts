import { HoldfastError } from '@holdfast/contract/errors.ts';
import { type MysqlSession, type MysqlValue, quoteMysql } from './mysql-session.ts';

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

export type Key = readonly MysqlValue[];

export interface RangeResult {
  /** null: it was the last range. */
  readonly next: Key | null;
  readonly rows: number;
  readonly differs: boolean;
}

export interface Comparison {
  readonly key: readonly KeyColumn[];
  readonly values: string;
}

interface KeyColumn {
  readonly name: string;
  /** Bytes are carried as hexadecimal digits. */
  readonly bytes: boolean;
}

interface ColumnRow {
  readonly table: string;
  readonly name: string;
  readonly type: string;
}

const RANGE_ROWS = 20_000;
const BYTES = /blob|binary|bit|geometry|point|polygon|linestring/i;

/** Throws when a column would be lost. */
export async function planComparison(
  sql: MysqlSession,
  { table, shadow, change, countOnly }: Compared,
): Promise<Comparison> {
  const rows = await sql.query<ColumnRow>(
    `SELECT table_name AS \`table\`, column_name AS name, data_type AS type FROM information_schema.columns
     WHERE table_schema = DATABASE() AND table_name IN (?, ?) ORDER BY ordinal_position`,
    [table, shadow],
  );
  const old = rows.filter((row) => row.table === table);
  const fresh = new Set(rows.filter((row) => row.table === shadow).map(({ name }) => name.toLowerCase()));
  const kept = ({ name }: { readonly name: string }) => fresh.has(name.toLowerCase());
  const lost = old.find((row) => !kept(row) && !isDropped(row.name, change));
  if (lost)
    throw new HoldfastError(
      'migrationInvalid',
      `the values of ${table}.${lost.name} would be lost: the new table has no such column, and the change does not drop it`,
    );
  // In the order of the key, not of the columns, or each range is a sort of the whole table.
  const keyed = await sql.query<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.statistics
     WHERE table_schema = DATABASE() AND table_name = ? AND index_name = 'PRIMARY' ORDER BY seq_in_index`,
    [table],
  );
  if (keyed.length === 0 || !keyed.every(kept))
    throw new HoldfastError('migrationInvalid', `${table} and its copy have no primary key in common`);
  const typeOf = (name: string) => old.find((row) => row.name === name)?.type ?? '';
  const both = countOnly ? keyed.map(({ name }) => ({ name, type: typeOf(name) })) : old.filter(kept);
  // The separator cannot be made up by values: each says its length, and NULL is no text.
  const values = both.map(({ name, type }) => {
    const text = BYTES.test(type) ? `HEX(${quoteMysql(name)})` : `CONVERT(${quoteMysql(name)} USING utf8mb4)`;
    return `IFNULL(CONCAT(LENGTH(${text}), ':', ${text}), 'N')`;
  });
  return {
    key: keyed.map(({ name }) => ({ name, bytes: BYTES.test(typeOf(name)) })),
    values: `CONCAT_WS(',', ${values.join(', ')})`,
  };
}

function isDropped(name: string, change: string): boolean {
  const escaped = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(
    `\\bDROP\\s+(?:COLUMN\\s+)?(?:IF\\s+EXISTS\\s+)?\`?${escaped}\`?(?![\\w$\\u0080-\\uffff])`,
    'i',
  ).test(change);
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
  const names = plan.key.map(({ name }) => quoteMysql(name)).join(', ');
  const shown = plan.key.map(
    ({ name, bytes }, at) => `${bytes ? `HEX(${quoteMysql(name)})` : quoteMysql(name)} AS k${at}`,
  );
  const after = from === null ? { text: '1 = 1', values: [] } : beyond(plan.key, from, '>');
  const [row] = await sql.query<Record<string, MysqlValue>>(
    `SELECT ${shown.join(', ')} FROM ${quoteMysql(table)} WHERE ${after.text} ORDER BY ${names} LIMIT 1 OFFSET ${RANGE_ROWS}`,
    after.values,
  );
  return row ? plan.key.map((_, at) => row[`k${at}`] ?? null) : null;
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
    // Not MD5: MySQL 9.7 has none built in.
    `SELECT COUNT(*) AS \`rows\`, BIT_XOR(CONV(SUBSTRING(SHA2(${plan.values}, 256), 1, 15), 16, 10) + 0) AS sum
     FROM ${quoteMysql(table)} WHERE ${where}`,
    parts.flatMap(({ values }) => values),
  );
  return { rows: Number(row?.rows ?? 0), sum: String(row?.sum ?? 0) };
}

/** A row of keys before or behind another, column by column: optimizers read it where they do not read tuples. */
function beyond(
  columns: readonly KeyColumn[],
  key: Key,
  sign: '>' | '<=',
): { readonly text: string; readonly values: MysqlValue[] } {
  const strict = sign === '>' ? '>' : '<';
  const values: MysqlValue[] = [];
  const compared = ({ name, bytes }: KeyColumn, at: number, how: string) => {
    values.push(key[at] ?? null);
    return `${quoteMysql(name)} ${how} ${bytes ? 'UNHEX(?)' : '?'}`;
  };
  const terms = columns.map((column, at) => {
    const equal = columns.slice(0, at).map((before, place) => compared(before, place, '='));
    return [...equal, compared(column, at, at === columns.length - 1 ? sign : strict)].join(' AND ');
  });
  return { text: terms.map((term) => `(${term})`).join(' OR '), values };
}

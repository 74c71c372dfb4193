import { randomBytes } from 'node:crypto';
import { type MysqlSession, quoteMysql } from './mysql-session.ts';
import { shapeOf } from './shape.ts';
import type { MysqlStatement } from './statements.ts';

/**
 * What a statement makes of the table, seen on an empty one of the same shape before anybody uses it: its shape
 * afterwards, and what would fail the statements of the release that still runs.
 */
export interface Probed {
  /** null: the statement names a foreign key, which an empty table has not. */
  readonly wanted: string | null;
  readonly findings: readonly ProbeFinding[];
  /** A new unique key, or one over other columns: rows that break it would vanish in a copy without a word. */
  readonly bindsKeys: boolean;
}

export interface ProbeFinding {
  readonly rule: 'mysql-narrower' | 'mysql-required' | 'mysql-binds-writers';
  readonly sentence: string;
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly base: string;
  readonly length: string | number | null;
  readonly precision: string | number | null;
  readonly scale: string | number | null;
  readonly nullable: string;
  readonly fallback: string | null;
  readonly extra: string;
}

interface Facts {
  readonly columns: ReadonlyMap<string, ColumnRow>;
  readonly uniques: ReadonlySet<string>;
  readonly checks: number;
}

export async function probe(sql: MysqlSession, { table, text, bare }: MysqlStatement): Promise<Probed> {
  if (/\bFOREIGN KEY\b/i.test(bare)) return { wanted: null, findings: [], bindsKeys: false };
  const name = `_holdfast_probe_${randomBytes(6).toString('hex')}`;
  await sql.query(`CREATE TABLE ${quoteMysql(name)} LIKE ${quoteMysql(table)}`);
  try {
    const before = await factsOf(sql, name);
    await sql.query(`ALTER TABLE ${quoteMysql(name)} ${text}`);
    const after = await factsOf(sql, name);
    const bindsKeys = [...after.uniques].some((key) => !before.uniques.has(key));
    return { wanted: await shapeOf(sql, name), findings: compare(table, before, after), bindsKeys };
  } finally {
    await sql.query(`DROP TABLE IF EXISTS ${quoteMysql(name)}`).catch(() => {});
  }
}

async function factsOf(sql: MysqlSession, table: string): Promise<Facts> {
  const columns = await sql.query<ColumnRow>(
    `SELECT column_name AS name, column_type AS type, data_type AS base, character_maximum_length AS length,
       numeric_precision AS \`precision\`, COALESCE(numeric_scale, datetime_precision) AS scale, is_nullable AS nullable,
       column_default AS fallback, extra FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?`,
    [table],
  );
  const uniques = await sql.query<{ key: string }>(
    `SELECT GROUP_CONCAT(CONCAT(column_name, ' ', COALESCE(sub_part, ''), ' ', COALESCE(collation, '')) ORDER BY seq_in_index) AS \`key\`
     FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? AND non_unique = 0 GROUP BY index_name`,
    [table],
  );
  const [row] = await sql.query<{ 'Create Table': string }>(`SHOW CREATE TABLE ${quoteMysql(table)}`);
  return {
    columns: new Map(columns.map((column) => [column.name.toLowerCase(), column])),
    uniques: new Set(uniques.map(({ key }) => key.toLowerCase())),
    checks: (row?.['Create Table'].match(/\bCHECK \(/g) ?? []).length,
  };
}

function compare(table: string, before: Facts, after: Facts): readonly ProbeFinding[] {
  const findings: ProbeFinding[] = [];
  const add = (rule: ProbeFinding['rule'], sentence: string) => findings.push({ rule, sentence });
  for (const [name, column] of after.columns) {
    const old = before.columns.get(name);
    const given = column.fallback !== null || /auto_increment|generated/i.test(column.extra);
    if (column.nullable === 'NO' && !given && (old === undefined || mayLeaveOut(old)))
      add(
        'mysql-required',
        `${table}.${column.name} must be given by each INSERT, and the release that runs does not`,
      );
    else if (old?.nullable === 'YES' && column.nullable === 'NO')
      add(
        'mysql-required',
        `${table}.${column.name} may no longer be NULL, and the release that runs may write it`,
      );
    if (old !== undefined && isNarrower(old, column))
      add(
        'mysql-narrower',
        `${table}.${column.name} becomes ${column.type}, which holds not all of ${old.type}`,
      );
  }
  if ([...after.uniques].some((key) => !before.uniques.has(key)))
    add('mysql-binds-writers', `${table} gets a unique key, which the release that runs may break`);
  if (after.checks > before.checks)
    add('mysql-binds-writers', `${table} gets a check, which the release that runs may break`);
  return findings;
}

function mayLeaveOut({ fallback, nullable, extra }: ColumnRow): boolean {
  return fallback !== null || nullable === 'YES' || /auto_increment|generated/i.test(extra);
}

/** From the narrowest; a type of another row holds other values. */
const WIDENING: readonly (readonly string[])[] = [
  ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'],
  ['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext'],
  ['binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'],
  ['float', 'double'],
  ['date', 'datetime'],
  ['decimal'],
];

function isNarrower(old: ColumnRow, column: ColumnRow): boolean {
  if (old.type === column.type) return false;
  const row = WIDENING.find((types) => types.includes(old.base));
  if (old.base === 'enum' || old.base === 'set') return !column.type.startsWith(old.type.replace(/\)$/, ''));
  if (!row?.includes(column.base)) return true;
  if (row.indexOf(column.base) < row.indexOf(old.base)) return true;
  const signs = /unsigned/.test(old.type) !== /unsigned/.test(column.type);
  const grew = row.indexOf(column.base) > row.indexOf(old.base);
  if (signs && !(grew && /unsigned/.test(old.type))) return true;
  const less = (of: 'length' | 'scale') => Number(column[of] ?? 0) < Number(old[of] ?? 0);
  if (old.base === 'decimal')
    return (
      less('scale') ||
      Number(column.precision) - Number(column.scale) < Number(old.precision) - Number(old.scale)
    );
  return less('length') || (column.base === old.base && less('scale'));
}

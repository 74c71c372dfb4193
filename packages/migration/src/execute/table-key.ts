import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Sql } from '../catalog/read-catalog.ts';
import { quoteName, quoteRelation } from '../sql/names.ts';

/**
 * By what a table is cut into ranges: its primary key, another unique key without nulls (a NOT NULL that is not valid yet allows them), or,
 * where it has neither, the blocks it lies in.
 */
export interface TableKey {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** No key: ranges of blocks (TID range scans, PostgreSQL 14 and later). */
  readonly byBlocks: boolean;
}

interface KeyRow {
  readonly kind: string;
  readonly key: TableKey['columns'] | null;
}

export async function keyOf(sql: Sql, table: string): Promise<TableKey> {
  const { rows } = await sql.query<KeyRow>(
    `SELECT c.relkind AS kind, (
       SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) ORDER BY k.place)
       FROM (SELECT i.indkey, i.indnkeyatts FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
               AND NOT EXISTS (SELECT FROM unnest(i.indkey::int[]) WITH ORDINALITY n (number, place) JOIN pg_attribute b ON b.attrelid = c.oid AND b.attnum = n.number
                               WHERE n.place <= i.indnkeyatts AND (NOT b.attnotnull OR EXISTS (
                                 SELECT FROM pg_constraint v WHERE v.conrelid = c.oid AND v.contype = 'n' AND NOT v.convalidated AND b.attnum = ANY (v.conkey))))
             ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1) best,
         unnest(best.indkey::int[]) WITH ORDINALITY k (number, place) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
       WHERE k.place <= best.indnkeyatts) AS key
     FROM pg_class c WHERE c.oid = to_regclass($1)`,
    [quoteRelation(table)],
  );
  const [found] = rows;
  if (!found) throw new HoldfastError('migrationInvalid', `the database has no table ${table}`);
  if (found.key) return { columns: found.key, byBlocks: false };
  if (found.kind === 'r') return { columns: [], byBlocks: true };
  throw new HoldfastError(
    'migrationInvalid',
    `${table} has no key by which it could be cut; give it a primary key`,
  );
}

/** `(a, b)` of the table or of its alias. */
export function keyText({ columns }: TableKey, alias: string): string {
  return columns.map(({ name }) => `${alias}.${quoteName(name)}`).join(', ');
}

/** The rows after one key up to another; parameters from `first` on. A missing lower end is the beginning. */
export function rangeText(
  key: TableKey,
  {
    alias,
    from,
    to,
    first = 1,
  }: {
    readonly alias: string;
    readonly from: readonly string[] | null;
    readonly to: readonly string[];
    readonly first?: number;
  },
): { readonly text: string; readonly values: readonly string[] } {
  if (key.byBlocks) {
    const [low = '0', high = '0'] = [from?.[0], to[0]];
    return {
      text: `${alias}.ctid >= '(${BigInt(low)},0)'::tid AND ${alias}.ctid < '(${BigInt(high)},0)'::tid`,
      values: [],
    };
  }
  const left = keyText(key, alias);
  const at = (values: readonly string[], start: number) =>
    values.map((_, index) => `$${start + index}::${key.columns[index]?.type}`).join(', ');
  const upper = `(${left}) <= (${at(to, first)})`;
  if (from === null) return { text: upper, values: to };
  return { text: `${upper} AND (${left}) > (${at(from, first + to.length)})`, values: [...to, ...from] };
}

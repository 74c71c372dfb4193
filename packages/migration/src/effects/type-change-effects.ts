import type { Node } from '@pgsql/types';
import { type Catalog, columnOf, type IndexFacts, type TableFacts } from '../catalog/catalog.ts';
import { stringsOf, typeText } from '../sql/names.ts';
import type { Altering } from './alter-table.ts';
import { columnDefinition } from './column-definition.ts';
import { type Effect, lock } from './effect.ts';
import { isFreeTypeChange, keepsOrder } from './type-change.ts';

/**
 * ALTER COLUMN TYPE: whether the rows are written anew, whether indexes or CHECKs make PostgreSQL
 * read them, and the tables at the other ends of foreign keys.
 */
export function typeChange(altering: Altering): readonly Effect[] {
  const { table, facts, command, catalog } = altering;
  const column = columnDefinition(command);
  const from = baseOf(columnOf(facts, command.name)?.type ?? '', catalog);
  const wanted = typeText(column?.typeName);
  const to = baseOf(wanted, catalog);
  const plain = isFreeChain(column?.raw_default, { column: command.name, from, catalog });
  const free =
    facts !== null &&
    from !== '' &&
    plain &&
    catalog.isConstrainedDomain(wanted) !== true &&
    isFreeTypeChange(from, to, catalog);
  const same = free && column?.collClause === undefined && keepsOrder(from, to);
  const read = free && facts !== null && isRead(facts, command.name ?? '', same);
  return [
    lock(table, 'ACCESS EXCLUSIVE', { rewrite: !free, scan: read }),
    ...otherTables(altering, same && free),
  ];
}

/** A domain is its base type, however deep. */
function baseOf(type: string, catalog: Catalog): string {
  const base = catalog.baseType(type.split('.').at(-1) ?? type);
  return base === null ? type : baseOf(base, catalog);
}

/** Indexes that cannot be taken over are built anew, and valid CHECKs are checked again. */
function isRead(facts: TableFacts, column: string, same: boolean): boolean {
  const named = new RegExp(`\\b${column.replaceAll(/\W/g, '.')}\\b`);
  const special = ({ definition, partial, columns }: IndexFacts) =>
    named.test(definition) &&
    (partial || !columns.includes(column) || /\(\(|\w\(/.test(definition.replace(/^.*? USING \w+ /, '')));
  return (
    facts.indexes.some((index) => special(index) || (!same && index.columns.includes(column))) ||
    facts.constraints.some(
      ({ kind, validated, columns }) => kind === 'check' && validated && columns.includes(column),
    ) ||
    (!same &&
      facts.constraints.some(
        ({ kind, columns, validated }) => kind === 'foreign' && validated && columns.includes(column),
      ))
  );
}

function otherTables(
  { table, facts, command, catalog, rewritten }: Altering,
  same: boolean,
): readonly Effect[] {
  const column = command.name ?? '';
  const own = (facts?.constraints ?? []).filter(
    ({ references, columns }) => references !== null && columns.includes(column),
  );
  const referring = catalog
    .referencing(table)
    .filter(({ referencedColumns }) => referencedColumns.includes(column));
  return [
    ...own.map(({ references, validated }) =>
      lock(references ?? '', 'ACCESS EXCLUSIVE', { scan: validated && (rewritten || !same) }),
    ),
    ...referring.map((entry) =>
      lock(entry.table, 'ACCESS EXCLUSIVE', { scan: entry.validated && (rewritten || !same) }),
    ),
  ];
}

/** A USING that is only casts, each of them free, changes nothing. */
function isFreeChain(
  using: Node | undefined,
  {
    column,
    from,
    catalog,
  }: { readonly column: string | undefined; readonly from: string; readonly catalog: Catalog },
): boolean {
  if (using === undefined) return true;
  const steps = castsIn(using, column);
  if (steps === null) return false;
  return steps.every((to, at) =>
    isFreeTypeChange(baseOf(at === 0 ? from : (steps[at - 1] ?? ''), catalog), baseOf(to, catalog), catalog),
  );
}

/** The types through which a column is cast, in order; null: it is something else. */
function castsIn(node: Node, column: string | undefined): readonly string[] | null {
  if ('ColumnRef' in node) return stringsOf(node.ColumnRef.fields).at(-1) === column ? [] : null;
  if (!('TypeCast' in node) || !node.TypeCast.arg) return null;
  const inner = castsIn(node.TypeCast.arg, column);
  return inner === null ? null : [...inner, typeText(node.TypeCast.typeName)];
}

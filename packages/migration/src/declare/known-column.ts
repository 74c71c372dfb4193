import { HoldfastError } from '@holdfast/contract/errors.ts';
import { type ColumnFacts, columnOf, type TableFacts } from '../catalog/catalog.ts';
import { mentions } from '../sql/names.ts';
import type { Planning } from './planned-change.ts';

/** The table as it is now; an error says what is missing. */
export function knownTable(name: string, { catalog, file }: Planning): TableFacts {
  const table = catalog.table(name);
  if (table) return table;
  throw new HoldfastError('migrationInvalid', `${file}: the database has no table ${name}`);
}

export function knownColumn(table: string, column: string, planning: Planning): ColumnFacts {
  const facts = knownTable(table, planning);
  const found = columnOf(facts, column);
  if (found) return found;
  const has = facts.columns.map(({ name }) => name).join(', ');
  throw new HoldfastError(
    'migrationInvalid',
    `${planning.file}: ${table} has no column ${column}, it has ${has}`,
  );
}

/** A column that is taken away in the end must not carry the table: that takes a copy of it, or a plan of its own. */
export function movableColumn(table: string, column: string, planning: Planning): ColumnFacts {
  const facts = knownTable(table, planning);
  const found = knownColumn(table, column, planning);
  const key = facts.constraints.find(({ kind, columns }) => kind === 'primary' && columns.includes(column));
  const other = planning.catalog
    .referencing(table)
    .find(({ referencedColumns }) => referencedColumns.includes(column));
  const exclusion = facts.constraints.find(
    ({ kind, columns }) => kind === 'exclusion' && columns.includes(column),
  );
  const deferrable = facts.constraints.find(
    ({ kind, columns, definition }) =>
      kind === 'unique' && columns.includes(column) && /(?<!NOT )DEFERRABLE/.test(definition),
  );
  const indexed =
    facts.kind === 'partitioned' && facts.indexes.some(({ columns }) => columns.includes(column));
  const own = ownOfPartitions(facts, column, planning);
  const reasons: readonly (readonly [unknown, string])[] = [
    [key, `is in the primary key (${key?.name})`],
    [other, `is referenced by ${other?.table} (${other?.name})`],
    [exclusion, `is in the exclusion constraint ${exclusion?.name}`],
    [
      deferrable,
      `is in the constraint ${deferrable?.name}, which is checked at the end of a transaction, and a new index would be sooner,`,
    ],
    [indexed, 'is indexed, and the table is partitioned: no index can be built there CONCURRENTLY'],
    [own !== null, `is in ${own}, which a partition has for itself,`],
    [found.generated || found.identity, 'is generated'],
    [found.readers.length > 0, `is read by ${found.readers.join(', ')}`],
    [
      found.kept,
      'is kept equal to another column by a change that is not contracted yet; let that one end first. It',
    ],
  ];
  const why = reasons.find(([holds]) => holds)?.[1] ?? null;
  if (why === null) return found;
  throw new HoldfastError(
    'migrationInvalid',
    `${planning.file}: ${table}.${column} ${why} and cannot be kept twice; write expand.sql, backfill.sql and contract.sql, or rename it with views`,
  );
}

/** An index or CHECK that stands on a partition alone: nothing brings it along. */
function ownOfPartitions(facts: TableFacts, column: string, { catalog }: Planning): string | null {
  const inherited = new Set(facts.constraints.map(({ name }) => name));
  for (const partition of facts.partitions.flatMap((name) => catalog.table(name) ?? [])) {
    const index = partition.indexes.find(({ columns }) => columns.includes(column));
    const check = partition.constraints.find(
      ({ kind, name, columns }) => kind === 'check' && columns.includes(column) && !inherited.has(name),
    );
    const found = index ?? check;
    if (found) return found.name;
  }
  return null;
}

type Leaving = 'check' | 'foreign' | 'unique';
const FOLLOW_NOWHERE: readonly Leaving[] = ['check', 'foreign', 'unique'];

/**
 * What stands on the old columns and follows to no new one goes with them in the contract phase: a promise of the
 * database, or the speed of a query. Nobody loses it by not thinking of it.
 */
export function admitLeaves(
  change: { readonly table: string; readonly leaves?: readonly string[] | undefined },
  { columns, kinds }: { readonly columns: readonly string[]; readonly kinds: readonly Leaving[] | 'all' },
  planning: Planning,
): void {
  const { constraints, indexes } = knownTable(change.table, planning);
  const named = change.leaves ?? [];
  const [lost, indexesToo] = kinds === 'all' ? [FOLLOW_NOWHERE, true] : [kinds, false];
  const going = new Map<string, string>();
  for (const { name, kind, columns: own, definition } of constraints)
    if (lost.some((one) => one === kind) && own.some((column) => columns.includes(column)))
      going.set(name, definition);
  for (const { name, primary, definition } of indexesToo ? indexes : [])
    if (!primary && columns.some((column) => mentions(definition, column)))
      going.set(name, going.get(name) ?? definition);
  const unsaid = [...going].filter(([name]) => !named.includes(name));
  if (unsaid.length > 0)
    throw new HoldfastError(
      'migrationInvalid',
      `${planning.file}: ${unsaid.map(([name, definition]) => `${name} (${definition})`).join(' and ')} would go with ${change.table}.${columns.join(' and ')}; declare what the new column needs as changes of their own, and say leaves: [${[...going.keys()].join(', ')}]`,
    );
  const unknown = named.find((name) => !going.has(name));
  if (unknown !== undefined)
    throw new HoldfastError(
      'migrationInvalid',
      `${planning.file}: leaves names ${unknown}, and ${change.table} has no index or constraint of that name that would go`,
    );
}

/** A view with its reader's rights; before 15 it has its owner's, and would open the table to everybody. */
export function checkViews({ catalog, file }: Planning): void {
  if (catalog.serverVersion >= 15) return;
  throw new HoldfastError(
    'migrationInvalid',
    `${file}: views that stand in for a table need PostgreSQL 15 or later, found ${catalog.serverVersion}`,
  );
}

/** What this change makes must not be there: abort would take away what is somebody's own. */
export function newColumn(table: string, column: string, planning: Planning): void {
  if (columnOf(knownTable(table, planning), column))
    throw new HoldfastError('migrationInvalid', `${planning.file}: ${table} has a column ${column} already`);
}

export function newIndex(table: string, name: string, planning: Planning): void {
  if (planning.catalog.indexTable([...table.split('.').slice(0, -1), name].join('.')) !== null)
    throw new HoldfastError('migrationInvalid', `${planning.file}: there is an index ${name} already`);
}

export function newConstraint(table: string, name: string, planning: Planning): void {
  if (knownTable(table, planning).constraints.some((constraint) => constraint.name === name))
    throw new HoldfastError(
      'migrationInvalid',
      `${planning.file}: ${table} has a constraint ${name} already`,
    );
}

export function newTable(name: string, { catalog, file }: Planning): void {
  if (catalog.table(name))
    throw new HoldfastError('migrationInvalid', `${file}: there is a table or view ${name} already`);
}

/** It can be dropped in the end without CASCADE. */
export function droppableColumn(table: string, column: string, planning: Planning): ColumnFacts {
  const found = knownColumn(table, column, planning);
  const why =
    found.readers.length > 0
      ? `is read by ${found.readers.join(', ')}`
      : found.kept
        ? 'is kept equal to another column by a change that is not contracted yet'
        : null;
  if (why === null) return found;
  throw new HoldfastError('migrationInvalid', `${planning.file}: ${table}.${column} ${why}; end that first`);
}

import { HoldfastError } from '@holdfast/contract/errors.ts';
import { type ColumnFacts, columnOf, type TableFacts } from '../catalog/catalog.ts';
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
  const why = key
    ? `is in the primary key (${key.name})`
    : other
      ? `is referenced by ${other.table} (${other.name})`
      : found.generated || found.identity
        ? 'is generated'
        : null;
  if (why === null) return found;
  throw new HoldfastError(
    'migrationInvalid',
    `${planning.file}: ${table}.${column} ${why} and cannot be kept twice; write expand.sql, backfill.sql and contract.sql, or rename it with views`,
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

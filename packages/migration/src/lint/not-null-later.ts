import type { ColumnDef } from '@pgsql/types';
import { columnConstraints } from '../effects/column-definition.ts';
import { quoteName, quoteRelation } from '../sql/names.ts';
import { constraintName } from './constraint-name.ts';

export function isNotNull(column: ColumnDef): boolean {
  return columnConstraints(column).some(({ contype }) => contype === 'CONSTR_NOTNULL');
}

/**
 * NOT NULL without a moment in which the table is read under a lock: a CHECK that is not valid yet,
 * its validation, and then the flag, which PostgreSQL 12 and later take from the CHECK.
 */
export function notNullLater(table: string, column: string): readonly string[] {
  const check = quoteName(constraintName(table, column, 'present'));
  const [alter, name] = [`ALTER TABLE ${quoteRelation(table)}`, quoteName(column)];
  return [
    `${alter} ADD CONSTRAINT ${check} CHECK (${name} IS NOT NULL) NOT VALID`,
    `${alter} VALIDATE CONSTRAINT ${check}`,
    `${alter} ALTER COLUMN ${name} SET NOT NULL`,
    `${alter} DROP CONSTRAINT ${check}`,
  ];
}

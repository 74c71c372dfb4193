import { isRequired } from '../../effects/alter-table.ts';
import { columnDefinition } from '../../effects/column-definition.ts';
import { inAlterTable, type Rule } from '../rule.ts';

export const addColumnNotNull: Rule = {
  name: 'add-column-not-null',
  severity: 'error',
  title: 'A new column that must have a value and has none',
  why: 'It fails as soon as there is one row, and the old release, which does not know the column, can no longer insert.',
  bad: 'ALTER TABLE orders ADD COLUMN currency text NOT NULL;',
  good: `ALTER TABLE orders ADD COLUMN currency text NOT NULL DEFAULT 'EUR';`,
  find: (context) =>
    inAlterTable(context, 'AT_AddColumn', (command, table) => {
      const column = columnDefinition(command);
      if (!isRequired(column)) return null;
      return {
        message: `${column?.colname} is NOT NULL and nothing fills it for the rows of ${table}, nor for the old release`,
        relation: table,
      };
    }),
};

import { columnConstraints, columnDefinition } from '../../effects/column-definition.ts';
import { inAlterTable, type Rule } from '../rule.ts';

export const addColumnStoredGenerated: Rule = {
  name: 'add-column-stored-generated',
  severity: 'error',
  title: 'A new stored generated column',
  why: 'The value is computed for each row: the table is written anew and locked against reads and writes. From PostgreSQL 18 a VIRTUAL column takes a moment.',
  bad: 'ALTER TABLE orders ADD COLUMN total numeric GENERATED ALWAYS AS (price * 2) STORED;',
  good: 'ALTER TABLE orders ADD COLUMN total numeric;',
  find: (context) =>
    inAlterTable(context, 'AT_AddColumn', (command, table) => {
      const column = columnDefinition(command);
      const generated = columnConstraints(column).find(({ contype }) => contype === 'CONSTR_GENERATED');
      if (!generated || generated.generated_kind === 'v') return null;
      const way =
        context.catalog.serverVersion >= 18
          ? 'make it VIRTUAL'
          : 'add a plain column, with a trigger and a backfill';
      return { message: `${column?.colname} is computed for every row of ${table}; ${way}`, relation: table };
    }),
};

import { columnConstraints, columnDefinition } from '../../effects/column-definition.ts';
import { isVolatile } from '../../effects/volatility.ts';
import { columnTypeText, expressionText } from '../../sql/deparse.ts';
import { quoteName, quoteRelation } from '../../sql/names.ts';
import { isNotNull, notNullLater } from '../not-null-later.ts';
import { inAlterTable, type Rule } from '../rule.ts';

export const addColumnVolatileDefault: Rule = {
  name: 'add-column-volatile-default',
  severity: 'error',
  title: 'A new column whose default differs from row to row',
  why: 'Every row and every index is written anew while nobody can read or write the table. A constant, or now(), is stored once and takes a moment.',
  bad: 'ALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid();',
  good: `ALTER TABLE orders ADD COLUMN token uuid;
ALTER TABLE orders ALTER COLUMN token SET DEFAULT gen_random_uuid();`,
  find: (context) =>
    inAlterTable(context, 'AT_AddColumn', (command, table) => {
      const column = columnDefinition(command);
      const given = columnConstraints(column).find(({ contype }) => contype === 'CONSTR_DEFAULT')?.raw_expr;
      if (!column?.colname || !given || !isVolatile(given, context.catalog)) return null;
      const [relation, name, fallback] = [
        quoteRelation(table),
        quoteName(column.colname),
        expressionText(given),
      ];
      return {
        message: `the default of ${column.colname} is evaluated for every row of ${table}`,
        relation: table,
        instead: {
          expand: [
            `ALTER TABLE ${relation} ADD COLUMN ${name} ${columnTypeText(column)}`,
            `ALTER TABLE ${relation} ALTER COLUMN ${name} SET DEFAULT ${fallback}`,
          ],
          backfill: [`UPDATE ${relation} SET ${name} = ${fallback} WHERE ${name} IS NULL`],
          contract: isNotNull(column) ? notNullLater(table, column.colname) : [],
        },
      };
    }),
};

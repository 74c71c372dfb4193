import { constraintDefinition } from '../../effects/column-definition.ts';
import { expressionText } from '../../sql/deparse.ts';
import { quoteName, quoteRelation } from '../../sql/names.ts';
import { constraintName } from '../constraint-name.ts';
import { inAlterTable, type Rule } from '../rule.ts';

export const addCheck: Rule = {
  name: 'add-check',
  severity: 'error',
  title: 'A CHECK is added and all rows are read for it at once',
  why: 'The rows are read while nobody can read or write the table. Added NOT VALID it takes a moment; validating it later lets everybody work.',
  bad: 'ALTER TABLE orders ADD CONSTRAINT orders_price_check CHECK (price > 0);',
  good: 'ALTER TABLE orders ADD CONSTRAINT orders_price_check CHECK (price > 0) NOT VALID;',
  find: (context) =>
    inAlterTable(context, 'AT_AddConstraint', (command, table) => {
      const constraint = constraintDefinition(command);
      if (
        constraint?.contype !== 'CONSTR_CHECK' ||
        constraint.skip_validation ||
        constraint.is_enforced === false
      )
        return null;
      const name = constraint.conname ?? constraintName(table, 'check');
      const alter = `ALTER TABLE ${quoteRelation(table)}`;
      return {
        message: `${table} is read from end to end to check ${name}`,
        relation: table,
        instead: {
          contract: [
            `${alter} ADD CONSTRAINT ${quoteName(name)} CHECK (${expressionText(constraint.raw_expr)})${constraint.is_no_inherit ? ' NO INHERIT' : ''} NOT VALID`,
            `${alter} VALIDATE CONSTRAINT ${quoteName(name)}`,
          ],
        },
      };
    }),
};

import { inAlterTable, type Rule } from '../rule.ts';
import { transactionBefore } from '../transaction-before.ts';

export const validateWithAdd: Rule = {
  name: 'validate-with-add',
  severity: 'error',
  title: 'A constraint is added and validated in one transaction',
  why: 'The strong lock of the first statement is held while the second reads all rows: the two steps are worth nothing together.',
  bad: `BEGIN;
ALTER TABLE orders ADD CONSTRAINT positive CHECK (price > 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT positive;
COMMIT;`,
  good: `ALTER TABLE orders ADD CONSTRAINT positive CHECK (price > 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT positive;`,
  find: (context) =>
    inAlterTable(context, 'AT_ValidateConstraint', ({ name = '' }, table) => {
      const added = transactionBefore(context.before).some(({ text }) => name !== '' && text.includes(name));
      return added
        ? {
            message: `${name} was added in the same transaction, so ${table} stays locked while it is read`,
            relation: table,
          }
        : null;
    }),
};

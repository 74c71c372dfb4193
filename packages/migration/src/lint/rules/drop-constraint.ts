import { inAlterTable, type Rule } from '../rule.ts';

export const dropConstraint: Rule = {
  name: 'drop-constraint',
  severity: 'warning',
  title: 'A constraint is dropped',
  why: 'It takes a moment, but for a foreign key the table at its other end is locked, too; and what it guaranteed, the release that runs may count on.',
  bad: 'ALTER TABLE orders DROP CONSTRAINT orders_price_check;',
  good: 'ALTER TABLE orders DROP CONSTRAINT orders_price_check;',
  goodPhase: 'contract',
  find: (context) =>
    context.phase === 'contract'
      ? null
      : inAlterTable(context, 'AT_DropConstraint', ({ name }, table) => {
          const other = context.effects.on.find(({ relation }) => relation !== table)?.relation;
          const also = other ? `, and ${other} is locked with it` : '';
          return {
            message: `the release that runs may count on ${name} of ${table}${also}`,
            relation: table,
          };
        }),
};

import { inAlterTable, type Rule } from '../rule.ts';

export const dropNotNull: Rule = {
  name: 'drop-not-null',
  severity: 'warning',
  title: 'A column may be null from now on',
  why: 'The old release reads nulls that it never met. Every release that is kept must bear them.',
  bad: 'ALTER TABLE orders ALTER COLUMN email DROP NOT NULL;',
  good: 'ALTER TABLE orders ALTER COLUMN email DROP NOT NULL;',
  goodPhase: 'contract',
  find: (context) =>
    context.phase === 'contract'
      ? null
      : inAlterTable(context, 'AT_DropNotNull', ({ name }, table) => ({
          message: `the release that runs may read null from ${table}.${name}`,
          relation: table,
        })),
};

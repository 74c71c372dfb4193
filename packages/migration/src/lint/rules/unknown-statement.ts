import type { Rule } from '../rule.ts';

export const unknownStatement: Rule = {
  name: 'unknown-statement',
  severity: 'error',
  title: 'A statement that the linter does not know',
  why: 'Nobody has measured which locks it takes. Look it up, run it with `holdfast migrate lint --trace`, and accept it with a reason.',
  bad: `ALTER SYSTEM SET work_mem = '64MB';`,
  good: 'ALTER TABLE orders ADD COLUMN note text;',
  find: ({ statement, effects }) =>
    effects.known
      ? null
      : { message: `the locks of ${statement.kind.replace(/Stmt$/, '')} are not known`, relation: null },
};

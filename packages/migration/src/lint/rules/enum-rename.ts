import { statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

export const enumRename: Rule = {
  name: 'enum-rename',
  severity: 'error',
  title: 'A value of an enum gets another name',
  why: 'The old release writes and compares the old one.',
  bad: `ALTER TYPE mood RENAME VALUE 'ok' TO 'fine';`,
  good: `ALTER TYPE mood ADD VALUE 'fine';`,
  find: ({ statement, phase }) => {
    const altered = statementAs(statement, 'AlterEnumStmt');
    if (!altered?.oldVal || phase === 'contract') return null;
    return {
      message: `the release that runs still says '${altered.oldVal}'; add '${altered.newVal}', accept both, and fill it in batches`,
      relation: null,
    };
  },
};

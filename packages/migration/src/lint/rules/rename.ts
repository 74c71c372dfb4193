import { relationName } from '../../sql/names.ts';
import { statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

export const rename: Rule = {
  name: 'rename',
  severity: 'error',
  title: 'A table, a column or a schema gets another name in place',
  why: 'It takes a moment, and from then on one of the two releases that run during a rollout does not find it.',
  bad: 'ALTER TABLE orders RENAME COLUMN mail TO email;',
  good: 'ALTER TABLE orders ADD COLUMN email text;',
  find: ({ statement, phase }) => {
    const renamed = statementAs(statement, 'RenameStmt');
    if (!renamed || phase === 'contract' || !NAMED.has(renamed.renameType ?? '')) return null;
    const table = relationName(renamed.relation);
    const what = renamed.subname && table ? `${table}.${renamed.subname}` : renamed.subname || table;
    return {
      message: `${what} becomes ${renamed.newname} for both releases at once; declare it (rename in migration.yaml) and both names work meanwhile`,
      relation: table || null,
    };
  },
};

const NAMED = new Set(['OBJECT_COLUMN', 'OBJECT_TABLE', 'OBJECT_VIEW', 'OBJECT_SCHEMA', 'OBJECT_ATTRIBUTE']);

import { statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

export const sessionSetting: Rule = {
  name: 'session-setting',
  severity: 'error',
  title: 'The file changes how long it may wait',
  why: 'The executor sets lock_timeout and statement_timeout for each statement and tries again; a SET of the file would undo that for what follows, and nobody would know.',
  bad: `SET lock_timeout = '1h';`,
  good: 'ALTER TABLE orders ADD COLUMN note text;',
  find: ({ statement }) => {
    const setting = statementAs(statement, 'VariableSetStmt');
    return setting
      ? { message: `leave SET ${setting.name ?? ''} out: the executor owns the session`, relation: null }
      : null;
  },
};

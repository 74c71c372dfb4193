import { statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

export const transactionControl: Rule = {
  name: 'transaction-control',
  severity: 'error',
  title: 'The file opens or ends transactions itself',
  why: 'The executor runs each statement in a transaction of its own, with a limit on the time it may wait for a lock, and tries it again. A transaction of the file would hold all its locks to the end.',
  bad: `BEGIN;
ALTER TABLE orders ADD COLUMN note text;
COMMIT;`,
  good: 'ALTER TABLE orders ADD COLUMN note text;',
  find: ({ statement }) =>
    statementAs(statement, 'TransactionStmt')
      ? { message: 'leave BEGIN and COMMIT out: each statement gets its own transaction', relation: null }
      : null,
};

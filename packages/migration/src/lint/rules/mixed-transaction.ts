import type { Rule } from '../rule.ts';
import { transactionBefore } from '../transaction-before.ts';

export const mixedTransaction: Rule = {
  name: 'mixed-transaction',
  severity: 'error',
  title: 'Rows are changed in the transaction that holds a strong lock',
  why: 'The lock of the ALTER is held until the last row is changed and the transaction ends.',
  bad: `BEGIN;
ALTER TABLE orders ADD COLUMN note text;
UPDATE orders SET note = price::text WHERE note IS NULL;
COMMIT;`,
  good: 'ALTER TABLE orders ADD COLUMN note text;',
  find: ({ statement, before, effects }) => {
    if (!CHANGES.has(statement.kind)) return null;
    const strong = transactionBefore(before).find(({ kind }) => STRONG.has(kind));
    const relation = effects.on[0]?.relation ?? null;
    if (!strong) return null;
    return {
      message: `the lock of the statement in line ${strong.place.line} is held while rows of ${relation} are changed`,
      relation,
    };
  },
};

const CHANGES = new Set(['UpdateStmt', 'DeleteStmt', 'InsertStmt', 'MergeStmt']);
const STRONG = new Set(['AlterTableStmt', 'RenameStmt', 'CreateTrigStmt', 'DropStmt', 'IndexStmt']);

import { type Statement, statementAs } from '../sql/statement.ts';

const OPENS = new Set(['TRANS_STMT_BEGIN', 'TRANS_STMT_START']);
const ENDS = new Set(['TRANS_STMT_COMMIT', 'TRANS_STMT_ROLLBACK']);

/** What ran before in the transaction that the file itself has open; empty where each has its own. */
export function transactionBefore(before: readonly Statement[]): readonly Statement[] {
  const at = before.findLastIndex((statement) => OPENS.has(kindOf(statement)));
  return at >= 0 && isOpen(before) ? before.slice(at + 1) : [];
}

export function isOpen(before: readonly Statement[]): boolean {
  const last = before.findLast((statement) => OPENS.has(kindOf(statement)) || ENDS.has(kindOf(statement)));
  return last !== undefined && OPENS.has(kindOf(last));
}

function kindOf(statement: Statement): string {
  return statementAs(statement, 'TransactionStmt')?.kind ?? '';
}

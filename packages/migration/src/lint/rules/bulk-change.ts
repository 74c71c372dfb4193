import type { Statement } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

export const bulkChange: Rule = {
  name: 'bulk-change',
  severity: 'error',
  title: 'All rows are changed in one statement',
  why: 'One transaction over the whole table: locks on every row it changed, a copy of each row, replicas that fall behind, and vacuum that cannot clean. As a backfill it runs in batches, with a pause when it hurts.',
  bad: `UPDATE orders SET currency = 'EUR';`,
  good: `UPDATE orders SET currency = 'EUR' WHERE currency IS NULL;`,
  goodPhase: 'backfill',
  find: ({ statement, phase, effects }) => {
    if (phase === 'backfill' || !isChange(statement)) return null;
    const relation = effects.on[0]?.relation ?? null;
    return {
      message: `every row of ${relation} that fits is changed in one transaction; put it into backfill.sql`,
      relation,
      instead: { backfill: [statement.text] },
    };
  },
};

/** Also inside WITH, where it is easily overlooked. */
function isChange({ kind, node }: Statement): boolean {
  if (['UpdateStmt', 'DeleteStmt', 'MergeStmt'].includes(kind)) return true;
  return (
    ['SelectStmt', 'InsertStmt'].includes(kind) && /"(?:Update|Delete|Merge)Stmt":/.test(JSON.stringify(node))
  );
}

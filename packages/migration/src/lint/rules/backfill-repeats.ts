import { statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

export const backfillRepeats: Rule = {
  name: 'backfill-repeats',
  severity: 'warning',
  title: 'A backfill that does not say what is done',
  why: 'A batch may run twice when the executor is killed; a predicate that is false afterwards (c IS NULL) makes that harmless, and makes what is left countable.',
  bad: 'UPDATE orders SET price = price * 100;',
  good: 'UPDATE orders SET cents = price * 100 WHERE cents IS NULL;',
  goodPhase: 'backfill',
  find: ({ statement, phase, effects }) => {
    const changed = statementAs(statement, 'UpdateStmt');
    if (phase !== 'backfill' || !changed || changed.whereClause) return null;
    const relation = effects.on[0]?.relation ?? null;
    return { message: `say which rows of ${relation} are not done yet (WHERE ... IS NULL)`, relation };
  },
};

import { statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

export const backfillShape: Rule = {
  name: 'backfill-shape',
  severity: 'error',
  title: 'A backfill that cannot run in batches',
  why: 'backfill.sql holds UPDATE or DELETE of one table each, so that the executor can cut it by the key and go on where it stopped.',
  bad: 'ALTER TABLE orders ADD COLUMN note text;',
  good: `UPDATE orders SET note = '' WHERE note IS NULL;`,
  goodPhase: 'backfill',
  find: ({ statement, phase }) => {
    if (phase !== 'backfill') return null;
    const changed = statementAs(statement, 'UpdateStmt') ?? statementAs(statement, 'DeleteStmt');
    const fits = changed && !changed.withClause && !isReturning(changed) && changed.relation?.inh !== false;
    return fits
      ? null
      : { message: 'expected UPDATE or DELETE of one table, without WITH and RETURNING', relation: null };
  },
};

/** The grammar of 18 keeps RETURNING in a clause of its own. */
function isReturning(changed: object): boolean {
  return 'returningClause' in changed || 'returningList' in changed;
}

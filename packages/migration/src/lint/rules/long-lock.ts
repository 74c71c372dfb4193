import { altered } from '../../effects/alter-table.ts';
import { blockedBy } from '../../effects/effect.ts';
import { type Statement, statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

/** Whatever no other rule has named: said only where it is the only error of its statement (lint.ts). */
export const longLock: Rule = {
  name: 'long-lock',
  severity: 'error',
  title: 'A table is read or written from end to end under a lock',
  why: 'Whatever the statement is for: others wait until the last row. Take it apart, so that the long part needs no strong lock.',
  bad: 'ALTER TABLE orders ADD COLUMN number bigint UNIQUE;',
  good: 'ALTER TABLE orders ADD COLUMN number bigint;\nCREATE UNIQUE INDEX CONCURRENTLY orders_number_key ON orders (number);\nALTER TABLE orders ADD CONSTRAINT orders_number_key UNIQUE USING INDEX orders_number_key;',
  find: ({ statement, effects }) => {
    // Nobody writes into a materialised view; and what proves a NOT NULL may stand in the same file.
    if (statement.kind === 'RefreshMatViewStmt' || isOnlyNotNull(statement)) return null;
    const long = effects.on.find(({ lock, rewrite, scan }) => (rewrite || scan) && blockedBy(lock) !== null);
    if (!long) return null;
    const work = long.rewrite ? 'written anew' : 'read';
    return {
      message: `${long.relation} is ${work} from end to end under ${long.lock}`,
      relation: long.relation,
    };
  },
};

function isOnlyNotNull(statement: Statement): boolean {
  const alters = statementAs(statement, 'AlterTableStmt');
  return alters !== null && altered(alters).every(({ subtype }) => subtype === 'AT_SetNotNull');
}

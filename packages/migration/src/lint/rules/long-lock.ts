import { altered } from '../../effects/alter-table.ts';
import { constraintDefinition } from '../../effects/column-definition.ts';
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
  find: ({ statement, effects, before }) => {
    // Nobody writes into a materialised view; and what proves a NOT NULL may stand in the same file.
    if (statement.kind === 'RefreshMatViewStmt' || isOnlyNotNull(statement)) return null;
    if (isKeyOfReadyIndex(statement, before)) return null;
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

/** A primary key over an index of the same file, whose columns the file has made NOT NULL: nothing is left to read. */
function isKeyOfReadyIndex(statement: Statement, before: readonly Statement[]): boolean {
  const alters = statementAs(statement, 'AlterTableStmt');
  const [command, ...others] = alters ? altered(alters) : [];
  const constraint = command && others.length === 0 ? constraintDefinition(command) : null;
  if (constraint?.contype !== 'CONSTR_PRIMARY' || !constraint.indexname) return false;
  const index = before
    .map((one) => statementAs(one, 'IndexStmt'))
    .find((one) => one?.idxname === constraint.indexname);
  const made = before.flatMap((one) => {
    const earlier = statementAs(one, 'AlterTableStmt');
    return (earlier ? altered(earlier) : []).filter(({ subtype }) => subtype === 'AT_SetNotNull');
  });
  const columns = (index?.indexParams ?? []).flatMap((node) =>
    'IndexElem' in node ? node.IndexElem.name : [],
  );
  return columns.length > 0 && columns.every((column) => made.some(({ name }) => name === column));
}

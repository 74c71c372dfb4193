import { relationName } from '../../sql/names.ts';
import { statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

export const invalidIndex: Rule = {
  name: 'invalid-index',
  severity: 'error',
  title: 'An index that may be there and broken',
  why: 'A failed CREATE INDEX CONCURRENTLY leaves an index that slows writes and serves no query. IF NOT EXISTS takes it for the real one.',
  bad: 'CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_email ON orders (email);',
  good: 'CREATE INDEX CONCURRENTLY orders_email ON orders (email);',
  find: ({ statement, catalog }) => {
    const index = statementAs(statement, 'IndexStmt');
    if (!index?.if_not_exists || !index.concurrent) return null;
    const relation = relationName(index.relation);
    const there = catalog.table(relation)?.indexes.find(({ name }) => name === index.idxname);
    if (there ? there.valid : catalog.live) return null;
    const what = there
      ? `${index.idxname} is there and not valid`
      : `an invalid ${index.idxname} of a failed try would be taken for it`;
    return { message: `${what}; leave IF NOT EXISTS out, the executor clears leftovers away`, relation };
  },
};

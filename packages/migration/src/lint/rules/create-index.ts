import { statementText } from '../../sql/deparse.ts';
import { relationName } from '../../sql/names.ts';
import { statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

export const createIndex: Rule = {
  name: 'create-index',
  severity: 'error',
  title: 'An index is built under a lock against writes',
  why: 'Writes wait until all rows are sorted. CONCURRENTLY takes longer and lets everybody work; the executor runs it outside a transaction and clears away what a failed try has left.',
  bad: 'CREATE INDEX orders_email ON orders (email);',
  good: 'CREATE INDEX CONCURRENTLY orders_email ON orders (email);',
  find: ({ statement, catalog }) => {
    const index = statementAs(statement, 'IndexStmt');
    if (!index) return null;
    const table = relationName(index.relation);
    const partitioned = catalog.table(table)?.kind === 'partitioned';
    if (index.concurrent && !partitioned) return null;
    // ON ONLY: nothing is built until the partitions' own indexes are attached.
    if (partitioned && index.relation?.inh !== true) return null;
    if (partitioned)
      return {
        message: `${index.concurrent ? `PostgreSQL refuses CONCURRENTLY on the partitioned ${table}` : `writes to all partitions of ${table} wait`}; build it ON ONLY ${table}, then CONCURRENTLY on each partition, and attach them`,
        relation: table,
      };
    return {
      message: `writes to ${table} wait until ${index.idxname ?? 'the index'} is built`,
      relation: table,
      instead: { expand: [statementText({ IndexStmt: { ...index, concurrent: true } })] },
    };
  },
};

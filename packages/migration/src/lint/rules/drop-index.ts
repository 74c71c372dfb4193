import { statementText } from '../../sql/deparse.ts';
import { objectName } from '../../sql/names.ts';
import { statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

export const dropIndex: Rule = {
  name: 'drop-index',
  severity: 'error',
  title: 'An index is dropped under a lock',
  why: 'DROP INDEX waits for everybody who uses the table, and everybody who comes waits behind it. CONCURRENTLY waits alone. A query that needs it is slow from then on.',
  bad: 'DROP INDEX orders_email;',
  good: 'DROP INDEX CONCURRENTLY orders_email;',
  goodPhase: 'contract',
  find: ({ statement, catalog }) => {
    const dropped = statementAs(statement, 'DropStmt');
    if (dropped?.removeType !== 'OBJECT_INDEX' || dropped.concurrent) return null;
    const name = objectName(dropped.objects?.[0]);
    const table = catalog.indexTable(name);
    return {
      message: `${name}${table ? ` of ${table}` : ''} is dropped under a lock against reads and writes`,
      relation: table ?? name,
      instead: { contract: [statementText({ DropStmt: { ...dropped, concurrent: true } })] },
    };
  },
};

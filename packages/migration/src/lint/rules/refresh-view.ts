import { statementText } from '../../sql/deparse.ts';
import { relationName } from '../../sql/names.ts';
import { statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

export const refreshView: Rule = {
  name: 'refresh-view',
  severity: 'error',
  title: 'A materialised view is refreshed under a lock',
  why: 'Nobody can read it while its query runs. CONCURRENTLY, with a unique index, lets them read the old content.',
  bad: 'REFRESH MATERIALIZED VIEW totals;',
  good: 'REFRESH MATERIALIZED VIEW CONCURRENTLY totals;',
  find: ({ statement }) => {
    const refresh = statementAs(statement, 'RefreshMatViewStmt');
    if (!refresh || refresh.concurrent || refresh.skipData) return null;
    const relation = relationName(refresh.relation);
    const concurrent = statementText({ RefreshMatViewStmt: { ...refresh, concurrent: true } });
    return {
      message: `nobody can read ${relation} while its query runs`,
      relation,
      instead: { expand: [concurrent] },
    };
  },
};

import { altered } from '../../effects/alter-table.ts';
import { type Statement, statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

export const tableRewrite: Rule = {
  name: 'table-rewrite',
  severity: 'error',
  title: 'A statement that writes the whole table anew',
  why: 'VACUUM FULL, CLUSTER, REINDEX without CONCURRENTLY, SET UNLOGGED or LOGGED, another tablespace or access method: nobody can read the table (or, with REINDEX, write it) until everything is copied.',
  bad: 'VACUUM FULL orders;',
  good: 'REINDEX TABLE CONCURRENTLY orders;',
  find: ({ statement, effects }) => {
    const heavy = effects.on.find(({ rewrite, scan, lock: mode }) => rewrite || (scan && mode === 'SHARE'));
    if (!heavy || !(KINDS.has(statement.kind) || isStorageChange(statement))) return null;
    return {
      message: `${heavy.relation} is written anew under ${heavy.lock}; use a CONCURRENTLY form, or pg_repack`,
      relation: heavy.relation,
    };
  },
};

const KINDS = new Set(['VacuumStmt', 'ClusterStmt', 'ReindexStmt']);
const STORAGE = new Set([
  'AT_SetLogged',
  'AT_SetUnLogged',
  'AT_SetTableSpace',
  'AT_SetAccessMethod',
  'AT_SetExpression',
]);

function isStorageChange(statement: Statement): boolean {
  const alters = statementAs(statement, 'AlterTableStmt');
  return alters !== null && altered(alters).some(({ subtype }) => STORAGE.has(subtype ?? ''));
}

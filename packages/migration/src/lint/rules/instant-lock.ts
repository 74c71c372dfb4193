import { altered } from '../../effects/alter-table.ts';
import { statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

export const instantLock: Rule = {
  name: 'instant-lock',
  severity: 'note',
  title: 'A moment under the strongest lock',
  why: 'The statement itself is quick, but it waits for the longest query on the table, and everybody who comes waits behind it. The executor limits that wait and tries again.',
  bad: 'ALTER TABLE orders REPLICA IDENTITY FULL;',
  good: 'ALTER TABLE orders ALTER COLUMN email SET STATISTICS 500;',
  find: ({ statement, effects, phase }) => {
    const alters = statementAs(statement, 'AlterTableStmt');
    const strong = effects.on.find(
      ({ lock: mode, rewrite, scan }) => mode === 'ACCESS EXCLUSIVE' && !rewrite && !scan,
    );
    if (!strong || phase === 'contract' || !alters) return null;
    const quick = altered(alters).some(({ subtype }) => QUICK.has(subtype ?? ''));
    return quick
      ? {
          message: `${strong.relation} is locked against reads and writes for a moment`,
          relation: strong.relation,
        }
      : null;
  },
};

const QUICK = new Set([
  'AT_EnableRowSecurity',
  'AT_DisableRowSecurity',
  'AT_ForceRowSecurity',
  'AT_NoForceRowSecurity',
  'AT_ReplicaIdentity',
  'AT_ChangeOwner',
  'AT_SetStorage',
]);

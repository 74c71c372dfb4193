import { relationName } from '../../sql/names.ts';
import { statementAs } from '../../sql/statement.ts';
import { inAlterTable, type Rule } from '../rule.ts';

export const rowSecurity: Rule = {
  name: 'row-security',
  severity: 'error',
  title: 'Row security that the running release does not know',
  why: 'With row level security on and no policy that fits, the old release sees no rows at all.',
  bad: 'ALTER TABLE orders ENABLE ROW LEVEL SECURITY;',
  good: `CREATE POLICY own ON orders USING (true);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;`,
  find: (context) =>
    inAlterTable(context, 'AT_EnableRowSecurity', (_, table) => {
      const has = context.before.some(
        (statement) => relationName(statementAs(statement, 'CreatePolicyStmt')?.table) === table,
      );
      return has
        ? null
        : {
            message: `without a policy before it, the release that runs sees no rows of ${table}`,
            relation: table,
          };
    }),
};

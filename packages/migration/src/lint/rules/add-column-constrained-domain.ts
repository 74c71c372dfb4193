import { columnDefinition } from '../../effects/column-definition.ts';
import { stringsOf } from '../../sql/names.ts';
import { statementAs } from '../../sql/statement.ts';
import { inAlterTable, type Rule, type RuleContext } from '../rule.ts';

export const addColumnConstrainedDomain: Rule = {
  name: 'add-column-constrained-domain',
  severity: 'error',
  title: 'A new column of a domain with a check',
  why: 'PostgreSQL up to 18 writes the table anew to check the empty value in each row.',
  bad: `CREATE DOMAIN amount AS numeric CHECK (VALUE >= 0);
ALTER TABLE orders ADD COLUMN paid amount;`,
  good: `ALTER TABLE orders ADD COLUMN paid numeric;
ALTER TABLE orders ADD CONSTRAINT orders_paid_check CHECK (paid >= 0) NOT VALID;`,
  find: (context) =>
    inAlterTable(context, 'AT_AddColumn', (command, table) => {
      const type = stringsOf(columnDefinition(command)?.typeName?.names).at(-1) ?? '';
      if (!(context.catalog.isConstrainedDomain(type) ?? isCheckedHere(context, type))) return null;
      return {
        message: `${type} is a domain with a check, and ${table} is written anew for it; use its base type, and a CHECK that is NOT VALID first`,
        relation: table,
      };
    }),
};

function isCheckedHere({ before }: RuleContext, type: string): boolean {
  return before.some((statement) => {
    const domain = statementAs(statement, 'CreateDomainStmt');
    return stringsOf(domain?.domainname).at(-1) === type && (domain?.constraints ?? []).length > 0;
  });
}

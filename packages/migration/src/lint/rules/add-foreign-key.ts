import type { Constraint, Node } from '@pgsql/types';
import { constraintDefinition } from '../../effects/column-definition.ts';
import { statementText } from '../../sql/deparse.ts';
import { quoteName, quoteRelation, relationName, stringsOf } from '../../sql/names.ts';
import { type Statement, statementAs } from '../../sql/statement.ts';
import { constraintName } from '../constraint-name.ts';
import { inAlterTable, type Rule } from '../rule.ts';

export const addForeignKey: Rule = {
  name: 'add-foreign-key',
  severity: 'error',
  title: 'A foreign key is added and both tables are read for it at once',
  why: 'Writes to both tables wait until all rows are compared. Added NOT VALID it takes a moment; validating it later lets everybody work.',
  bad: 'ALTER TABLE orders ADD CONSTRAINT orders_customer_fk FOREIGN KEY (customer_id) REFERENCES customers (id);',
  good: `CREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id);
ALTER TABLE orders ADD CONSTRAINT orders_customer_fk FOREIGN KEY (customer_id) REFERENCES customers (id) NOT VALID;`,
  find: (context) =>
    inAlterTable(context, 'AT_AddConstraint', (command, table) => {
      const constraint = constraintDefinition(command);
      if (
        constraint?.contype !== 'CONSTR_FOREIGN' ||
        constraint.skip_validation ||
        constraint.is_enforced === false
      )
        return null;
      const { kind } = context.catalog.table(table) ?? {};
      if (kind === 'partitioned' && context.catalog.serverVersion < 18)
        return {
          message: `writes to ${table} and ${relationName(constraint.pktable)} wait until all rows are checked; before PostgreSQL 18 a partitioned table takes no NOT VALID key: add it NOT VALID on each partition, validate those, then add it here`,
          relation: table,
        };
      const name = constraint.conname ?? constraintName(table, ...stringsOf(constraint.fk_attrs), 'fkey');
      return {
        message: `writes to ${table} and ${relationName(constraint.pktable)} wait until ${name} is checked for all rows`,
        relation: table,
        instead: {
          contract: [
            statementText(
              withConstraint(context.statement, {
                ...constraint,
                conname: name,
                skip_validation: true,
                initially_valid: false,
              }),
            ),
            `ALTER TABLE ${quoteRelation(table)} VALIDATE CONSTRAINT ${quoteName(name)}`,
          ],
        },
      };
    }),
};

function withConstraint(statement: Statement, constraint: Constraint): Node {
  const command = {
    subtype: 'AT_AddConstraint',
    def: { Constraint: constraint },
    behavior: 'DROP_RESTRICT',
  } as const;
  return {
    AlterTableStmt: { ...statementAs(statement, 'AlterTableStmt'), cmds: [{ AlterTableCmd: command }] },
  };
}

import { altered } from '../../effects/alter-table.ts';
import { constraintDefinition } from '../../effects/column-definition.ts';
import { isProvedNotNull } from '../../effects/proofs.ts';
import { relationName } from '../../sql/names.ts';
import { statementAs } from '../../sql/statement.ts';
import { notNullLater } from '../not-null-later.ts';
import { inAlterTable, type Rule, type RuleContext } from '../rule.ts';

export const setNotNull: Rule = {
  name: 'set-not-null',
  severity: 'error',
  title: 'NOT NULL is set on a column that has to be read for it',
  why: 'All rows are read while nobody can read or write the table. With a valid CHECK (c IS NOT NULL) nothing is read; from PostgreSQL 18 the constraint itself can be NOT VALID first.',
  bad: 'ALTER TABLE orders ALTER COLUMN email SET NOT NULL;',
  good: `ALTER TABLE orders ADD CONSTRAINT has_email CHECK (email IS NOT NULL) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT has_email;
ALTER TABLE orders ALTER COLUMN email SET NOT NULL;`,
  find: (context) =>
    inAlterTable(context, 'AT_SetNotNull', ({ name = '' }, table) => {
      if (isProvedNotNull(context.catalog.table(table), name) || isCheckedBefore(context, table, name))
        return null;
      return {
        message: `${table} is read from end to end to see that ${name} is never null`,
        relation: table,
        instead: { contract: notNullLater(table, name) },
      };
    }),
};

/** In the same file: a CHECK of that table that was added and validated. The executor runs each in its own transaction. */
function isCheckedBefore({ before }: RuleContext, table: string, column: string): boolean {
  const commands = before.flatMap((statement) => {
    const alters = statementAs(statement, 'AlterTableStmt');
    return alters && relationName(alters.relation) === table ? altered(alters) : [];
  });
  const names = commands.flatMap((command) => {
    const constraint = constraintDefinition(command);
    const test = constraint?.raw_expr;
    if (!test || !('NullTest' in test) || test.NullTest.nulltesttype !== 'IS_NOT_NULL') return [];
    return JSON.stringify(test.NullTest.arg).includes(`"sval":"${column}"`) ? [constraint?.conname] : [];
  });
  return commands.some(({ subtype, name }) => subtype === 'AT_ValidateConstraint' && names.includes(name));
}

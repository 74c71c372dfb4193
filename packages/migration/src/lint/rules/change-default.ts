import { columnOf } from '../../catalog/catalog.ts';
import { altered } from '../../effects/alter-table.ts';
import { columnDefinition } from '../../effects/column-definition.ts';
import { statementAs } from '../../sql/statement.ts';
import { inAlterTable, type Rule, type RuleContext } from '../rule.ts';

export const changeDefault: Rule = {
  name: 'change-default',
  severity: 'warning',
  title: 'Another default while the old release inserts without the column',
  why: 'Rows that the old release inserts get the new default from this moment on, or none.',
  bad: `ALTER TABLE orders ALTER COLUMN currency SET DEFAULT 'USD';`,
  good: `ALTER TABLE orders ALTER COLUMN currency SET DEFAULT 'USD';`,
  goodPhase: 'contract',
  find: (context) =>
    context.phase === 'contract'
      ? null
      : inAlterTable(context, 'AT_ColumnDefault', ({ name, def }, table) => {
          const had = columnOf(context.catalog.table(table), name);
          // A column of this file has no old release; one without a default was given a value by it.
          if (isAddedHere(context, name) || (had?.default === null && def !== undefined)) return null;
          return {
            message: `the release that runs inserts into ${table} without ${name} and gets the new default`,
            relation: table,
          };
        }),
};

function isAddedHere({ before, statement }: RuleContext, column: string | undefined): boolean {
  return [...before, statement].some((entry) => {
    const alters = statementAs(entry, 'AlterTableStmt');
    return (
      alters !== null &&
      altered(alters).some(
        (command) => command.subtype === 'AT_AddColumn' && columnDefinition(command)?.colname === column,
      )
    );
  });
}

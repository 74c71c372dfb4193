import { columnOf } from '../../catalog/catalog.ts';
import { columnDefinition } from '../../effects/column-definition.ts';
import { typeText } from '../../sql/names.ts';
import { inAlterTable, type Rule } from '../rule.ts';

export const changeColumnType: Rule = {
  name: 'change-column-type',
  severity: 'error',
  title: 'A column gets another type in place',
  why: 'Unless the bytes stay as they are, the table and its indexes are written anew while nobody can read or write it; and one of the two releases gets values of a type that it does not expect.',
  bad: 'ALTER TABLE orders ALTER COLUMN id TYPE bigint;',
  good: 'ALTER TABLE orders ADD COLUMN id_big bigint;',
  find: (context) =>
    inAlterTable(context, 'AT_AlterColumnType', (command, table) => {
      if (!context.effects.on.some(({ relation, rewrite, scan }) => relation === table && (rewrite || scan)))
        return null;
      const from = columnOf(context.catalog.table(table), command.name)?.type;
      const wanted = typeText(columnDefinition(command)?.typeName);
      return {
        message: `${table} is written anew to make ${command.name}${from ? ` (${from})` : ''} a ${wanted}; declare it (retype in migration.yaml): a new column, kept equal, filled, then used`,
        relation: table,
      };
    }),
};

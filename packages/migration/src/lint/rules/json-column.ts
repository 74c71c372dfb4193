import { columnDefinition } from '../../effects/column-definition.ts';
import { stringsOf } from '../../sql/names.ts';
import { inAlterTable, type Rule } from '../rule.ts';

export const jsonColumn: Rule = {
  name: 'json-column',
  severity: 'warning',
  title: 'A column of type json',
  why: 'json has no equality: DISTINCT, GROUP BY and UNION on it fail. jsonb has, and can be indexed.',
  bad: 'ALTER TABLE orders ADD COLUMN details json;',
  good: 'ALTER TABLE orders ADD COLUMN details jsonb;',
  find: (context) =>
    inAlterTable(context, 'AT_AddColumn', (command, table) => {
      const column = columnDefinition(command);
      const isJson = stringsOf(column?.typeName?.names).at(-1) === 'json';
      return isJson
        ? { message: `${column?.colname} of ${table} is json; use jsonb`, relation: table }
        : null;
    }),
};

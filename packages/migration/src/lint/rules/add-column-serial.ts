import { isSerial } from '../../effects/alter-table.ts';
import { columnDefinition } from '../../effects/column-definition.ts';
import { quoteName, quoteRelation, quoteText, stringsOf } from '../../sql/names.ts';
import { notNullLater } from '../not-null-later.ts';
import type { Rewrite } from '../rule.ts';
import { inAlterTable, type Rule } from '../rule.ts';

export const addColumnSerial: Rule = {
  name: 'add-column-serial',
  severity: 'error',
  title: 'A new serial column',
  why: 'serial is a default of nextval, evaluated for each row: the table and its indexes are written anew under a lock that stops reads and writes.',
  bad: 'ALTER TABLE orders ADD COLUMN number bigserial;',
  good: `CREATE SEQUENCE orders_number_seq;
ALTER TABLE orders ADD COLUMN number bigint;
ALTER TABLE orders ALTER COLUMN number SET DEFAULT nextval('orders_number_seq');`,
  find: (context) =>
    inAlterTable(context, 'AT_AddColumn', (command, table) => {
      const column = columnDefinition(command);
      const type = stringsOf(column?.typeName?.names).at(-1) ?? '';
      if (!column?.colname || !isSerial(type)) return null;
      return {
        message: `${column.colname} ${type} numbers every row of ${table} while it is locked`,
        relation: table,
        instead: numbered(table, column.colname, type),
      };
    }),
};

function numbered(table: string, column: string, type: string): Rewrite {
  const [relation, name, sequence] = [
    quoteRelation(table),
    quoteName(column),
    quoteRelation(`${table}_${column}_seq`),
  ];
  const plain = /^big|8$/.test(type) ? 'bigint' : /^small|2$/.test(type) ? 'smallint' : 'integer';
  const next = `nextval(${quoteText(sequence)})`;
  return {
    expand: [
      `CREATE SEQUENCE ${sequence}`,
      `ALTER TABLE ${relation} ADD COLUMN ${name} ${plain}`,
      `ALTER TABLE ${relation} ALTER COLUMN ${name} SET DEFAULT ${next}`,
      `ALTER SEQUENCE ${sequence} OWNED BY ${relation}.${name}`,
    ],
    backfill: [`UPDATE ${relation} SET ${name} = ${next} WHERE ${name} IS NULL`],
    contract: notNullLater(table, column),
  };
}

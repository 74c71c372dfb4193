import { constraintDefinition } from '../../effects/column-definition.ts';
import { quoteName, quoteRelation, stringsOf } from '../../sql/names.ts';
import { constraintName } from '../constraint-name.ts';
import { inAlterTable, type Rule } from '../rule.ts';

export const addUnique: Rule = {
  name: 'add-unique',
  severity: 'error',
  title: 'A unique or primary key is built under a lock',
  why: 'The index is built while nobody can read or write the table. Built CONCURRENTLY first, it becomes the constraint in a moment.',
  bad: 'ALTER TABLE orders ADD CONSTRAINT orders_number_key UNIQUE (number);',
  good: `CREATE UNIQUE INDEX CONCURRENTLY orders_number_key ON orders (number);
ALTER TABLE orders ADD CONSTRAINT orders_number_key UNIQUE USING INDEX orders_number_key;`,
  find: (context) =>
    inAlterTable(context, 'AT_AddConstraint', (command, table) => {
      const constraint = constraintDefinition(command);
      const kind = KEYS[constraint?.contype ?? ''];
      if (!constraint || !kind || constraint.indexname) return null;
      const columns = stringsOf(constraint.keys);
      const name = quoteName(
        constraint.conname ?? constraintName(table, ...(kind === 'UNIQUE' ? [...columns, 'key'] : ['pkey'])),
      );
      return {
        message: `the index of ${name} is built while ${table} is locked`,
        relation: table,
        instead: {
          contract: [
            `CREATE UNIQUE INDEX CONCURRENTLY ${name} ON ${quoteRelation(table)} (${columns.map(quoteName).join(', ')})`,
            `ALTER TABLE ${quoteRelation(table)} ADD CONSTRAINT ${name} ${kind} USING INDEX ${name}`,
          ],
        },
      };
    }),
};

const KEYS: Readonly<Record<string, string>> = { CONSTR_UNIQUE: 'UNIQUE', CONSTR_PRIMARY: 'PRIMARY KEY' };

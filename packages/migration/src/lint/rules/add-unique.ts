import type { Constraint } from '@pgsql/types';
import { constraintDefinition } from '../../effects/column-definition.ts';
import { quoteName, quoteRelation, stringsOf } from '../../sql/names.ts';
import { constraintName } from '../constraint-name.ts';
import { notNullLater } from '../not-null-later.ts';
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
      const facts = context.catalog.table(table);
      if (facts?.kind === 'partitioned')
        return {
          message: `the index of ${name} is built on all partitions of ${table} while they are locked; build it ON ONLY ${table}, then CONCURRENTLY on each partition, attach them, and add the constraint USING INDEX`,
          relation: table,
        };
      const known = (column: string) =>
        facts?.columns.some((one) => one.name === column && one.notNull) === true;
      const nullable = kind === 'PRIMARY KEY' ? columns.filter((column) => !known(column)) : [];
      return {
        message: `the index of ${name} is built while ${table} is locked`,
        relation: table,
        // Where the index is kept, and with which settings, is the author's to say.
        ...(constraint.options || constraint.indexspace
          ? {}
          : {
              instead: {
                contract: [
                  ...nullable.flatMap((column) => notNullLater(table, column)),
                  `CREATE UNIQUE INDEX CONCURRENTLY ${name} ON ${quoteRelation(table)} (${listOf(columns)})${indexWords(constraint)}`,
                  `ALTER TABLE ${quoteRelation(table)} ADD CONSTRAINT ${name} ${kind} USING INDEX ${name}${whenChecked(constraint)}`,
                ],
              },
            }),
      };
    }),
};

function listOf(columns: readonly string[]): string {
  return columns.map(quoteName).join(', ');
}

function indexWords({ including, nulls_not_distinct }: Constraint): string {
  const more = stringsOf(including);
  return `${more.length > 0 ? ` INCLUDE (${listOf(more)})` : ''}${nulls_not_distinct ? ' NULLS NOT DISTINCT' : ''}`;
}

function whenChecked({ deferrable, initdeferred }: Constraint): string {
  return `${deferrable ? ' DEFERRABLE' : ''}${initdeferred ? ' INITIALLY DEFERRED' : ''}`;
}

const KEYS: Readonly<Record<string, string>> = { CONSTR_UNIQUE: 'UNIQUE', CONSTR_PRIMARY: 'PRIMARY KEY' };

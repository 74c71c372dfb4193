import { columnConstraints } from '../../effects/column-definition.ts';
import { relationName, stringsOf } from '../../sql/names.ts';
import { statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

export const narrowPrimaryKey: Rule = {
  name: 'narrow-primary-key',
  severity: 'warning',
  title: 'A primary key of four bytes or less',
  why: 'It runs full at 2,147,483,647 rows ever inserted, deleted ones too, and then every insert fails.',
  bad: 'CREATE TABLE orders (id serial PRIMARY KEY);',
  good: 'CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);',
  find: ({ statement }) => {
    const created = statementAs(statement, 'CreateStmt');
    const columns = (created?.tableElts ?? []).flatMap((node) =>
      'ColumnDef' in node ? [node.ColumnDef] : [],
    );
    const narrow = columns.find(
      (column) =>
        NARROW.has(stringsOf(column.typeName?.names).at(-1) ?? '') &&
        columnConstraints(column).some(({ contype }) => contype === 'CONSTR_PRIMARY'),
    );
    if (!narrow) return null;
    return {
      message: `${relationName(created?.relation)}.${narrow.colname} has four bytes or less; use bigint GENERATED ALWAYS AS IDENTITY`,
      relation: null,
    };
  },
};

const NARROW = new Set(['int2', 'int4', 'serial', 'serial4', 'smallserial', 'serial2']);

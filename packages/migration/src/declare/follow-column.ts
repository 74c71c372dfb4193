import type { Node } from '@pgsql/types';
import type { ConstraintFacts, TableFacts } from '../catalog/catalog.ts';
import { type Step, statement } from '../plan/step.ts';
import { statementText } from '../sql/deparse.ts';
import { mentions, quoteName, quoteRelation, stringsOf } from '../sql/names.ts';
import { parseSql } from '../sql/parse-sql.ts';
import { notNullSteps } from './not-null-steps.ts';

/**
 * What stands on the old column has to stand on the new one before the new release gets traffic:
 * indexes, CHECKs, foreign keys, NOT NULL. Each is made in the way that locks nobody out.
 */
export function followColumn(
  table: TableFacts,
  { from, to, notNull }: { readonly from: string; readonly to: string; readonly notNull: boolean },
): readonly Step[] {
  const suffix = `_${to}`;
  const indexes = table.indexes.filter(
    ({ primary, valid, definition }) => !primary && valid && mentions(definition, from),
  );
  const unique = table.constraints.filter(({ kind, columns }) => kind === 'unique' && columns.includes(from));
  const constraints = table.constraints.filter(
    ({ kind, columns }) => (kind === 'check' || kind === 'foreign') && columns.includes(from),
  );
  return [
    ...indexes.flatMap((index) =>
      indexStep(table, { definition: index.definition, name: index.name, from, to, suffix }),
    ),
    ...unique.flatMap((constraint) => uniqueSteps(table, constraint, suffix)),
    ...constraints.flatMap((constraint) => constraintSteps(table, constraint, { from, to, suffix })),
    ...(notNull ? notNullSteps(table.name, to) : []),
  ];
}

/** What ON CONFLICT ON CONSTRAINT may name: the index that was just built becomes it. */
function uniqueSteps(table: TableFacts, { name }: ConstraintFacts, suffix: string): readonly Step[] {
  const called = quoteName(cut(name, suffix));
  return [
    statement(
      `ALTER TABLE ${quoteRelation(table.name)} ADD CONSTRAINT ${called} UNIQUE USING INDEX ${called}`,
    ),
  ];
}

interface Following {
  readonly from: string;
  readonly to: string;
  readonly suffix: string;
}

function indexStep(
  table: TableFacts,
  { definition, name, from, to, suffix }: Following & { readonly definition: string; readonly name: string },
): readonly Step[] {
  const [parsed] = parseSql(name, definition);
  const index = parsed && 'IndexStmt' in parsed.node ? parsed.node.IndexStmt : null;
  if (!index) return [];
  const renamed = withColumn(index, from, to) as typeof index;
  const called = cut(name, suffix);
  return [
    {
      kind: 'index',
      sql: statementText({ IndexStmt: { ...renamed, idxname: called, concurrent: true } }),
      table: table.name,
      index: called,
    },
  ];
}

function constraintSteps(
  table: TableFacts,
  constraint: ConstraintFacts,
  { from, to, suffix }: Following,
): readonly Step[] {
  const alter = `ALTER TABLE ${quoteRelation(table.name)}`;
  const name = quoteName(cut(constraint.name, suffix));
  const bare = constraint.definition.replace(/\s+NOT VALID$/, '');
  const [parsed] = parseSql(constraint.name, `${alter} ADD CONSTRAINT ${name} ${bare} NOT VALID`);
  if (!parsed) return [];
  return [
    statement(statementText(withColumn(parsed.node, from, to) as Node)),
    { ...statement(`${alter} VALIDATE CONSTRAINT ${name}`), long: true },
  ];
}

function cut(name: string, suffix: string): string {
  return name.slice(0, 63 - suffix.length) + suffix;
}

/** Every mention of the column: in expressions, in an index's list, in a foreign key's own columns. */
function withColumn(tree: unknown, from: string, to: string): unknown {
  if (Array.isArray(tree)) return tree.map((entry) => withColumn(entry, from, to));
  if (typeof tree !== 'object' || tree === null) return tree;
  return Object.fromEntries(
    Object.entries(tree).map(([key, inner]) => {
      if (key === 'ColumnRef' && stringsOf((inner as { fields?: Node[] }).fields).at(-1) === from)
        return [key, { ...(inner as object), fields: [{ String: { sval: to } }] }];
      if (key === 'IndexElem' && (inner as { name?: string }).name === from)
        return [key, { ...(inner as object), name: to }];
      if (key === 'fk_attrs') return [key, withName(inner, from, to)];
      return [key, withColumn(inner, from, to)];
    }),
  );
}

function withName(nodes: unknown, from: string, to: string): unknown {
  return (nodes as Node[]).map((node) =>
    'String' in node && node.String.sval === from ? { String: { sval: to } } : node,
  );
}

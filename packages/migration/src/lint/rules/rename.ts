import { relationName } from '../../sql/names.ts';
import { statementAs } from '../../sql/statement.ts';
import type { Rule } from '../rule.ts';

export const rename: Rule = {
  name: 'rename',
  severity: 'error',
  title: 'A table, a column or a schema gets another name in place',
  why: 'It takes a moment, and from then on one of the two releases that run during a rollout does not find it.',
  bad: 'ALTER TABLE orders RENAME COLUMN mail TO email;',
  good: 'ALTER TABLE orders ADD COLUMN email text;',
  find: ({ statement, phase }) => {
    if (phase === 'contract') return null;
    const moved = statementAs(statement, 'AlterObjectSchemaStmt');
    if (moved)
      return {
        message: `${relationName(moved.relation) || nameIn(moved.object)} goes to the schema ${moved.newschema} for both releases at once; leave it where it is until the contract phase`,
        relation: relationName(moved.relation) || null,
      };
    const renamed = statementAs(statement, 'RenameStmt');
    if (!renamed) return null;
    if (OBJECTS.has(renamed.renameType ?? ''))
      return {
        message: `${nameIn(renamed.object)} becomes ${renamed.newname} for both releases at once; make a second one, and drop this in the contract phase`,
        relation: null,
      };
    if (!NAMED.has(renamed.renameType ?? '')) return null;
    const table = relationName(renamed.relation);
    const what = renamed.subname && table ? `${table}.${renamed.subname}` : renamed.subname || table;
    return {
      message: `${what} becomes ${renamed.newname} for both releases at once; declare it (rename in migration.yaml) and both names work meanwhile`,
      relation: table || null,
    };
  },
};

const NAMED = new Set(['OBJECT_COLUMN', 'OBJECT_TABLE', 'OBJECT_VIEW', 'OBJECT_SCHEMA', 'OBJECT_ATTRIBUTE']);
const OBJECTS = new Set([
  'OBJECT_TYPE',
  'OBJECT_DOMAIN',
  'OBJECT_FUNCTION',
  'OBJECT_PROCEDURE',
  'OBJECT_ROUTINE',
  'OBJECT_AGGREGATE',
  'OBJECT_SEQUENCE',
  'OBJECT_MATVIEW',
]);

/** The last name in it: what a type, a function or a list of words is called. */
function nameIn(object: unknown): string {
  const names = [...JSON.stringify(object ?? null).matchAll(/"sval":"([^"]*)"/g)].map((match) => match[1]);
  return names.at(-1) ?? 'it';
}

import { rangesIn } from '../../effects/queries.ts';
import { objectName } from '../../sql/names.ts';
import { statementAs } from '../../sql/statement.ts';
import { createdBy } from '../created-by.ts';
import type { Rule } from '../rule.ts';

export const dropObject: Rule = {
  name: 'drop-object',
  severity: 'error',
  title: 'A table, a schema or what is in it goes away',
  why: 'The old release fails on its next statement. CASCADE takes along what nobody listed. A table with foreign keys also locks the tables at their other ends.',
  bad: 'DROP TABLE carts;',
  good: 'DROP TABLE carts;',
  goodPhase: 'contract',
  find: ({ statement, phase, before }) => {
    const dropped = statementAs(statement, 'DropStmt');
    const truncated = statementAs(statement, 'TruncateStmt');
    if (!truncated && !HELD.has(dropped?.removeType ?? '')) return null;
    const names = dropped ? (dropped.objects ?? []).map(objectName) : rangesIn(truncated?.relations);
    const made = createdBy(before);
    const relation = names.find((name) => !made.has(name)) ?? names[0] ?? null;
    if ((dropped ?? truncated)?.behavior === 'DROP_CASCADE')
      return { message: `CASCADE takes along whatever depends on ${relation}; name it`, relation };
    if (phase === 'contract') return null;
    const what = truncated ? 'is emptied' : 'goes away';
    return {
      message: `${names.join(', ')} ${what} while a release may use it`,
      relation,
      instead: { contract: [statement.text] },
    };
  },
};

const HELD = new Set([
  'OBJECT_TABLE',
  'OBJECT_SCHEMA',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_FUNCTION',
  'OBJECT_PROCEDURE',
  'OBJECT_ROUTINE',
  'OBJECT_AGGREGATE',
  'OBJECT_FOREIGN_TABLE',
  'OBJECT_DOMAIN',
  'OBJECT_TYPE',
  'OBJECT_SEQUENCE',
  'OBJECT_EXTENSION',
]);

import type { Node } from '@pgsql/types';
import { columnOf } from '../../catalog/catalog.ts';
import { columnDefinition } from '../../effects/column-definition.ts';
import { holdsAll } from '../../effects/type-change.ts';
import { typeText } from '../../sql/names.ts';
import { inAlterTable, type Rule } from '../rule.ts';
import { isSmall } from '../small.ts';

/** However quick it is: the other release does not know of it. What is slow as well, change-column-type says. */
export const otherValues: Rule = {
  name: 'other-values',
  severity: 'error',
  title: 'A column gets values, or a type, that the old release does not expect',
  why: 'Both releases run during a rollout, and after a rollback the old one runs alone: it reads and writes what it was written for. However small the table is, one of them is wrong.',
  bad: 'ALTER TABLE orders ALTER COLUMN total TYPE bigint USING total * 100;',
  good: 'ALTER TABLE orders ADD COLUMN cents bigint;',
  find: (context) => {
    const { phase, catalog, effects } = context;
    if (phase === 'contract' || phase === 'backfill') return null;
    return inAlterTable(context, 'AT_AlterColumnType', (command, relation) => {
      const definition = columnDefinition(command);
      const facts = catalog.table(relation);
      const from = columnOf(facts, command.name)?.type ?? null;
      const wanted = typeText(definition?.typeName);
      const computed = isComputed(definition?.raw_default);
      // Whatever fits a domain fits what it is made of.
      const held = from === null ? null : (catalog.baseType(from) ?? from);
      if (!computed && (held === null || holdsAll(held, wanted))) return null;
      const heavy = effects.on.some((on) => on.relation === relation && (on.rewrite || on.scan));
      if (!computed && heavy && !isSmall(facts)) return null;
      const was = from ? ` (${from})` : '';
      return {
        message: `${relation}.${command.name}${was} becomes a ${wanted} for both releases at once; declare it (retype in migration.yaml): a new column, kept equal`,
        relation,
        anySize: true,
      };
    });
  },
};

/** More than the column itself, or a cast of it. */
function isComputed(using: Node | undefined): boolean {
  if (using === undefined) return false;
  if ('TypeCast' in using) return isComputed(using.TypeCast.arg);
  return !('ColumnRef' in using);
}

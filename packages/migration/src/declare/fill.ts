import { type MigrationPlan, type Step, statement } from '../plan/step.ts';
import { quoteName, quoteRelation } from '../sql/names.ts';
import { notFilling, ofNewRow, triggerFunction, triggerName } from './mirror.ts';
import type { Planning } from './planned-change.ts';
import { rehearsal } from './rehearsal.ts';

interface Fill {
  readonly table: string;
  readonly column: string;
  readonly value: string;
}

/**
 * Which rows without a value get one. all: none may be without · old: those of sessions that do not say, by
 * holdfast.schema_version, that they know the change · new: those of sessions that do.
 */
export type Filled = 'all' | 'old' | 'new';

/**
 * A column that one of the releases does not write gets its value from a trigger, and old rows from a
 * backfill. Whoever updates it to NULL means that, unless none may be without.
 */
export function fillTrigger(
  { table, column, value, of }: Fill & { readonly of: Filled },
  planning: Planning,
): { readonly make: MigrationPlan['expand']; readonly undo: readonly string[] } {
  const [relation, name] = [quoteRelation(table), quoteName(column)];
  const [trigger, made] = [triggerName(planning), triggerFunction(planning)];
  const knows = `coalesce(nullif(current_setting('holdfast.schema_version', true), '')::bigint >= ${planning.version}, false)`;
  const assign = `NEW.${name} := ${ofNewRow(value, planning)};`;
  return {
    make: [
      ...rehearsal(table, [{ from: value }], planning),
      statement(`CREATE FUNCTION ${made}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $holdfast$
BEGIN
  ${of === 'all' ? assign : `IF ${of === 'old' ? 'NOT ' : ''}${knows} THEN ${assign} END IF;`}
  RETURN NEW;
END $holdfast$`),
      statement(
        `CREATE TRIGGER ${trigger} BEFORE INSERT${of === 'all' ? ' OR UPDATE' : ''} ON ${relation} FOR EACH ROW WHEN (NEW.${name} IS NULL AND ${notFilling(planning)}) EXECUTE FUNCTION ${made}()`,
      ),
    ],
    undo: [`DROP TRIGGER IF EXISTS ${trigger} ON ${relation}`, `DROP FUNCTION IF EXISTS ${made}()`],
  };
}

/** Only where the value itself is null may a row be without. A late NULL of the new release is filled once more. */
export function everyRowFilled({ table, column, value }: Fill): Step {
  return {
    kind: 'compare',
    alias: 't',
    table,
    where: `${quoteName(column)} IS NULL AND (${value}) IS NOT NULL`,
    sentence: `rows of ${table} have no ${column}`,
  };
}

export function fillRows({ table, column, value }: Fill): MigrationPlan['backfill'] {
  const [relation, name] = [quoteRelation(table), quoteName(column)];
  return [
    {
      kind: 'backfill',
      table,
      alias: relation,
      change: `UPDATE ${relation} SET ${name} = ${value}`,
      where: `${name} IS NULL`,
    },
  ];
}

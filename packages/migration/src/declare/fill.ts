import { type MigrationPlan, statement } from '../plan/step.ts';
import { quoteName, quoteRelation } from '../sql/names.ts';
import { BACKFILL_SETTING, ofNewRow, triggerFunction, triggerName } from './mirror.ts';
import type { Planning } from './planned-change.ts';

/** A column that one of the releases does not write gets its value from a trigger, and old rows from a backfill. */
export function fillTrigger(
  { table, column, value }: { readonly table: string; readonly column: string; readonly value: string },
  planning: Planning,
): { readonly make: MigrationPlan['expand']; readonly undo: readonly string[] } {
  const [relation, name] = [quoteRelation(table), quoteName(column)];
  const [trigger, made] = [triggerName(planning), triggerFunction(planning)];
  return {
    make: [
      statement(`CREATE OR REPLACE FUNCTION ${made}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $holdfast$
BEGIN
  NEW.${name} := ${ofNewRow(value, planning)};
  RETURN NEW;
END $holdfast$`),
      statement(
        `CREATE TRIGGER ${trigger} BEFORE INSERT OR UPDATE ON ${relation} FOR EACH ROW WHEN (NEW.${name} IS NULL AND current_setting('${BACKFILL_SETTING}', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION ${made}()`,
      ),
    ],
    undo: [`DROP TRIGGER IF EXISTS ${trigger} ON ${relation}`, `DROP FUNCTION IF EXISTS ${made}()`],
  };
}

export function fillRows({
  table,
  column,
  value,
}: {
  readonly table: string;
  readonly column: string;
  readonly value: string;
}): MigrationPlan['backfill'] {
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

import type { Step } from '../plan/step.ts';
import { quoteName } from '../sql/names.ts';
import { parseExpression } from '../sql/parse-sql.ts';
import type { Planning } from './planned-change.ts';

/**
 * An expression over every row there is, before a trigger runs it in the statements of the app: a value it cannot
 * take ("twelve" as an integer) is found here, where nobody but the change fails. Read in ranges and throttled like
 * any comparison; no row is what it looks for, so it ends with none.
 */
export function rehearsal(
  table: string,
  expressions: readonly { readonly from: string; readonly type?: string }[],
  { file, catalog }: Pick<Planning, 'file' | 'catalog'>,
): readonly Step[] {
  const columns = catalog.table(table)?.columns ?? [];
  const fits = (from: string, type: string | undefined) =>
    columns.some((column) => quoteName(column.name) === quoteName(from) && (!type || column.type === type));
  const asked = expressions.filter(({ from, type }) => readsRow(file, from) && !fits(from, type));
  if (asked.length === 0) return [];
  const values = asked.map(({ from, type }) => (type === undefined ? `(${from})` : assigned(from, type)));
  return [
    {
      kind: 'compare',
      alias: 't',
      table,
      // All of its arguments are looked at, and there are never fewer than none.
      where: `num_nonnulls(${values.join(', ')}) < 0`,
      sentence: `rows of ${table} whose value cannot be made`,
    },
  ];
}

/** CAST would cut what is too long, and the trigger's assignment fails of it; so does a value that is read from JSON. */
function assigned(from: string, type: string): string {
  return /^(?:character|char|varchar|bit|varbit)\b.*\(/i.test(type)
    ? `(SELECT read.value FROM jsonb_to_record(jsonb_build_object('value', CAST((${from}) AS text))) AS read (value ${type}))`
    : `CAST((${from}) AS ${type})`;
}

function readsRow(file: string, expression: string): boolean {
  return JSON.stringify(parseExpression(file, expression)).includes('"ColumnRef"');
}

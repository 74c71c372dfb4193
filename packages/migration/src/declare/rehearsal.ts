import type { Step } from '../plan/step.ts';
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
  { file }: Pick<Planning, 'file'>,
): readonly Step[] {
  const asked = expressions.filter(({ from }) => readsRow(file, from));
  if (asked.length === 0) return [];
  const values = asked.map(({ from, type }) =>
    type === undefined ? `(${from})` : `CAST((${from}) AS ${type})`,
  );
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

/** More than a column as it is, which fits whatever it holds. */
function readsRow(file: string, expression: string): boolean {
  const tree = parseExpression(file, expression);
  return !('ColumnRef' in tree) && JSON.stringify(tree).includes('"ColumnRef"');
}

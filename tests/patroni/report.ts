import { quantile } from '../chaos/report/quantiles.ts';

/** Tables for people: the first column to the left, figures to the right. */
export type Cell = string | number;

export function asTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const all = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function spread(values: readonly number[], digits = 2): readonly string[] {
  return [0.5, 0.99, 1].map((share) => (values.length ? quantile(values, share).toFixed(digits) : '-'));
}

/** `12 × warn text` */
export function asRepeats(
  repeats: readonly { readonly count: number; readonly level: string; readonly text: string }[],
): string {
  return repeats
    .map(({ count, level, text }) => `  ${String(count).padStart(5)} × ${level} ${text}`)
    .join('\n');
}

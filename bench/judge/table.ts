import { BASE_ERRORS, type Cell, describeCell, REQUEST_RATES, SPLITS } from './grid.ts';
import { type CellResult, type Endings, RULES } from './run-cell.ts';
import { SHAPES } from './scenario.ts';

/** One line of the table: what, under which condition, and a figure for each rule. */
export interface Row {
  readonly what: string;
  readonly where: string;
  readonly rules: { readonly [rule: string]: string };
}

type Group = readonly [where: string, belongs: (cell: Cell) => boolean];

const BY_RATE: readonly Group[] = REQUEST_RATES.map((rate) => [
  `${rate}/s`,
  ({ scenario }) => scenario.requestsPerSecond === rate,
]);
const GROUPS: readonly Group[] = [
  ['all', () => true],
  ...SHAPES.map((shape): Group => [shape, ({ scenario }) => scenario.shape === shape]),
  ...BASE_ERRORS.map(
    (base): Group => [`${base * 100} % fail`, ({ scenario }) => scenario.baseError === base],
  ),
  ...BY_RATE,
  ...Object.keys(SPLITS).map((split): Group => [split, (cell) => cell.split === split]),
];

export function rowsOf(healthy: readonly CellResult[], broken: readonly CellResult[]): readonly Row[] {
  const steps = healthy.filter(({ cell }) => cell.split === '5/25/50 %');
  return [
    ...GROUPS.map((group) => row('false aborts, %', group, { results: healthy, figure: falseAborts })),
    ...BY_RATE.map((group) => row('at 100 % unattended, %', group, { results: healthy, figure: arrived })),
    ...BY_RATE.map((group) => row('min to 100 %, median / p95', group, { results: steps, figure: arrival })),
    ...broken.map((result) => {
      const only: Group = [describeCell(result.cell), () => true];
      return row('found, %, median min', only, { results: [result], figure: found });
    }),
  ];
}

/** Markdown, as the README quotes it. */
export function printTable(rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  const head = ['', '', ...RULES];
  return [
    line(head),
    line(head.map(() => '---')),
    ...rows.map(({ what, where, rules }) => line([what, where, ...RULES.map((rule) => rules[rule] ?? '')])),
  ].join('');
}

type Figure = (endings: Endings, releases: number) => string;

function row(
  what: string,
  [where, belongs]: Group,
  { results, figure }: { readonly results: readonly CellResult[]; readonly figure: Figure },
): Row {
  const mine = results.filter(({ cell }) => belongs(cell));
  const releases = mine.reduce((sum, result) => sum + result.releases, 0);
  const figures = RULES.map((rule) => {
    const endings = pooled(mine.map((result) => result.rules[rule]));
    const took = endings.aborted.length + endings.promoted.length > 0;
    return [rule, took ? figure(endings, releases) : ''];
  });
  return { what, where, rules: Object.fromEntries(figures) };
}

export function pooled(endings: readonly Endings[]): Endings {
  return {
    aborted: endings.flatMap(({ aborted }) => aborted),
    promoted: endings.flatMap(({ promoted }) => promoted),
  };
}

const falseAborts: Figure = ({ aborted }, releases) => percent(aborted.length, releases);
const arrived: Figure = ({ promoted }, releases) => percent(promoted.length, releases);
const arrival: Figure = ({ promoted }) =>
  promoted.length === 0
    ? '–'
    : `${minutes(at(promoted, 0.5, promoted.length))} / ${minutes(at(promoted, 0.95, promoted.length))}`;
const found: Figure = ({ aborted }, releases) =>
  `${percent(aborted.length, releases)}, ${minutes(at(aborted, 0.5, releases))}`;

/** A quantile in seconds over all `releases`: one that did not end so took for ever. */
export function at(seconds: readonly number[], quantile: number, releases: number): number {
  const sorted = [...seconds].sort((a, b) => a - b);
  return sorted[Math.ceil(quantile * releases) - 1] ?? Number.POSITIVE_INFINITY;
}

function percent(part: number, whole: number): string {
  return ((100 * part) / whole).toFixed(1);
}

function minutes(seconds: number): string {
  return Number.isFinite(seconds) ? (seconds / 60).toFixed(1) : '–';
}

import { NOT_OBSERVABLE } from './compare.ts';
import { exceptionFor } from './exceptions.ts';
import type { Observation } from './observe/observation.ts';
import type { Found, Verdict } from './verdict.ts';

const COLUMNS = [
  'version',
  'cases',
  'checked',
  'unknown',
  'skipped',
  'broken',
  'unsound',
  'overcautious',
  'excused',
];

export function report(verdicts: readonly Verdict[]): string {
  return [
    'not compared: rewrite and scan of partitioned tables and views, which have no rows of their own; scan of tables without rows',
    ...NOT_OBSERVABLE.map(
      ({ kinds, what, reason }) => `not compared: ${what} of ${kinds.join(', ')}: ${reason}`,
    ),
    '',
    ...verdicts.flatMap(details),
    '',
    ...table([COLUMNS, ...verdicts.map(row)]),
  ].join('\n');
}

function row(verdict: Verdict): readonly string[] {
  const { version, cases, checked, unknown, skipped, broken, unsound, overcautious, excused } = verdict;
  const lists = [unknown, skipped, broken, unsound, overcautious, excused].map((list) => list.length);
  return [version, cases, checked, ...lists].map(String);
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = COLUMNS.map((_, place) => Math.max(...rows.map((cells) => (cells[place] ?? '').length)));
  return rows.map((cells) => cells.map((cell, place) => cell.padStart(widths[place] ?? 0)).join('  '));
}

function details({
  version,
  unknown,
  skipped,
  broken,
  unsound,
  overcautious,
  excused,
}: Verdict): readonly string[] {
  return [
    ...broken.map(({ case: one, message }) => `${version} BROKEN ${one.name}\n    ${message}`),
    ...unsound.map((found) => `${version} UNSOUND ${told(found)}`),
    ...overcautious.map((found) => `${version} OVERCAUTIOUS ${told(found)}`),
    ...excused.map(
      (found) => `${version} excused ${told(found)}: ${exceptionFor(found.case, found.mismatch)?.reason}`,
    ),
    ...[...Map.groupBy(unknown, ({ statement }) => statement)].flatMap(([statement, cases]) => [
      `${version} unknown ${statement} × ${cases.length}`,
      ...cases.map(({ case: one, observed }) => `    ${one.name}: ${seen(observed)}`),
    ]),
    ...[...Map.groupBy(skipped, ({ message }) => message.replaceAll(/"[^"]*"/g, '"…"'))].map(
      ([message, cases]) => `${version} skipped × ${cases.length}: ${message}`,
    ),
  ];
}

/** What nobody claims anything about: at least what it does is shown. */
function seen({ outside, on }: Observation): string {
  const strong = on.filter(({ kind, lock }) => 'rpmvf'.includes(kind) && lock && lock !== 'ACCESS SHARE');
  const parts = strong.map(({ names, lock, rewrite, scan }) =>
    [lock, 'on', names[0], rewrite ? 'rewrite' : '', scan ? 'scan' : ''].filter(Boolean).join(' '),
  );
  return [...(outside ? ['outside only'] : []), ...parts].join(', ') || 'nothing on tables';
}

/** A generated case comes with everything that it takes to see it again. */
function told({ case: one, mismatch }: Found): string {
  const { what, relation, claimed, observed } = mismatch;
  const sql = one.origin === 'generated' ? `\n${indent(one.setup)}\n${indent(one.statement)}` : '';
  return `${one.name}\n    ${what} on ${relation || '-'}: claimed ${claimed}, observed ${observed}${sql}`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '    | ');
}

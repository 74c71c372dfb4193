import type { Report, Row } from './report.ts';

/** The report for people. */
export function asText(report: Report): string {
  const { machine, rows } = report;
  const problems = rows.flatMap(({ change, wrong, examples, mustFail }) =>
    wrong.length === 0 && !mustFail
      ? []
      : [...wrong, ...examples.map((example) => `  ${example}`)].map((line) => `${change}: ${line}`),
  );
  return [
    `commit ${report.commit}${report.uncommitted ? ' with uncommitted changes' : ''}, seed ${report.seed}, ${report.tookSeconds} s`,
    `${machine.cpu}, ${machine.cores} cores (load ${machine.loadAverage}), Node ${machine.node}, ${machine.postgres}`,
    `${report.points} strikes a change; 20,000 rows each`,
    '',
    ...table([HEAD, ...rows.map(cellsOf)]),
    '',
    ...problems,
    ...(problems.length > 0 ? [''] : []),
    `${report.passed} passed, ${report.failed} failed`,
    '',
  ].join('\n');
}

const HEAD = [
  'change',
  'worker killed',
  'database killed',
  'worker paused',
  'statements old/new',
  'failed',
  'differ',
  'slowest ms',
  'seconds',
  '',
];

function cellsOf(row: Row): readonly string[] {
  return [
    row.change,
    ...[row.kills, row.crashes, row.pauses].map(String),
    `${row.statements.old}/${row.statements.new}`,
    ...[row.failed, row.differ, row.slowestMs].map(String),
    row.seconds.toFixed(1),
    row.wrong.length > 0 ? 'FAILED' : row.mustFail ? 'failed, as it must' : 'passed',
  ];
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] as number;
        return column === 0 || column === row.length - 1 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

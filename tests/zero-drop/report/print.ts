import { KINDS } from '../load/flight.ts';
import type { Report, Row } from './report.ts';

/** The report for people. */
export function asText(report: Report): string {
  const { machine, rows } = report;
  const problems = rows.flatMap(({ scenario, wrong, examples, mustFail }) => [
    ...wrong.map((sentence) => `${scenario}: ${sentence}`),
    ...(wrong.length > 0 || mustFail ? examples.map((example) => `${scenario}: ${example}`) : []),
  ]);
  return [
    `commit ${report.commit}${report.uncommitted ? ' with uncommitted changes' : ''}, seed ${report.seed}, ${report.tookSeconds} s`,
    `${machine.cpu}, ${machine.cores} cores (load ${machine.loadAverage}), Node ${machine.node}, ${machine.postgres}`,
    `n = ${report.n} requests at ${report.rate} a second over ${report.cutOvers} cut-overs; killed: controllers/agents`,
    '',
    ...table(
      [...HEAD],
      rows.map((row) => cellsOf(row)),
    ),
    '',
    ...problems,
    ...(problems.length > 0 ? [''] : []),
    `${report.passed} passed, ${report.failed} failed`,
    '',
  ].join('\n');
}

const HEAD = [
  'scenario',
  'cut-overs',
  'killed',
  ...KINDS,
  'kept/fresh',
  'back',
  'failed',
  'hung',
  'twice',
  'lost <= in flight',
  'ended ms',
  'slowest ms',
  '',
] as const;

function cellsOf(row: Row): readonly string[] {
  const killed = row.slowestEndMs === null ? '-' : `${row.lost} <= ${row.inFlight}`;
  return [
    row.scenario,
    String(row.cutOvers),
    `${row.kills.controller}/${row.kills.agent}`,
    ...KINDS.map((kind) => String(row.requests[kind])),
    `${row.kept}/${row.fresh}`,
    String(row.cameBack),
    String(row.failed),
    String(row.hung),
    String(row.duplicated),
    killed,
    row.slowestEndMs === null ? '-' : String(row.slowestEndMs),
    String(row.slowestMs),
    verdictOf(row),
  ];
}

function verdictOf({ missing, wrong, mustFail }: Row): string {
  if (missing !== null) return 'MISSING';
  if (wrong.length > 0) return 'FAILED';
  return mustFail ? 'failed, as it must' : 'passed';
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] as number;
        return column === 0 || column === row.length - 1 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

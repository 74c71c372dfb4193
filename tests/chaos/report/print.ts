import type { Report, Spread } from './report.ts';

/** The report for people. */
export function asText(report: Report): string {
  const { triggers, runs, steps, baselineOverheadSeconds: usual, machine } = report;
  return [
    `commit ${report.commit}${report.uncommitted ? ' with uncommitted changes' : ''}, seed ${report.seed}, ${report.tookSeconds} s`,
    `${machine.cpu}, ${machine.cores} cores (load ${machine.loadAverage}), Node ${machine.node}, ${machine.postgres}`,
    `agents: ${report.agentTimers}; two controllers, PostgreSQL with a synchronous standby`,
    '',
    `triggers  ${triggers.sent} sent, ${triggers.acknowledged} acknowledged; tries: ${triggers.triesUnknown} unknown, ${triggers.triesRefused} refused`,
    `          acknowledged after the first try, s: p50, p99, max ${spread(triggers.acknowledgedAfterSeconds).join(', ')}`,
    `runs      n = ${report.n}: ${runs.succeeded} succeeded, ${runs.other} not; ${report.concurrency} at a time`,
    `steps     ${steps.counted} counted, ${steps.executed} executed, ${steps.repeated} ran more than once, ${steps.doneAgain} were done again for their machine`,
    `usual     ${usual.laterStep} s beside a step's own time, ${usual.firstStep} s before and beside the first`,
    '',
    ...table(
      ['fault', 'n', 'runs affected', 'steps repeated', 'added s p50', 'p99', 'max'],
      report.faults.map((row) => [
        row.fault,
        row.n,
        row.runsAffected,
        row.stepsRepeated,
        ...spread(row.addedSeconds),
      ]),
    ),
    '',
    ...table(
      ['fault', 'recovery', 'n', 's p50', 'p99', 'max', 'bound'],
      report.recoveries.map((row) => [
        row.fault,
        row.what,
        row.n,
        ...spread(row.seconds),
        row.boundSeconds ?? '',
      ]),
    ),
    '',
    ...(report.misses.length === 0
      ? ['nothing was missed']
      : [`${report.misses.length} missed:`, ...report.misses.map((miss) => `  ${miss}`)]),
    '',
  ].join('\n');
}

type Cell = string | number;

function spread({ p50, p99, max }: Spread): readonly Cell[] {
  return [p50, p99, max].map((value) => (value === null ? '-' : value.toFixed(2)));
}

function table(head: readonly string[], rows: readonly (readonly Cell[])[]): readonly string[] {
  const all = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] as number;
        return Number.isNaN(Number.parseFloat(cell)) ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

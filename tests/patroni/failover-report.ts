import type { FailoverResult, Strike } from './failover-suite.ts';
import { FAULTS } from './faults.ts';
import type { LedgerEntry } from './load/ledger-client.ts';
import { asRepeats, asTable, spread } from './report.ts';

/**
 * The blackout of a fault is the longest time without a first try acknowledged, between the blow and
 * the end of the recovery: from the last one before to the first one after.
 */
export interface FaultRow {
  readonly fault: string;
  readonly n: number;
  readonly blackoutSeconds: readonly number[];
  readonly wholeSeconds: readonly number[];
  readonly acked: number;
  readonly unknown: number;
  readonly refused: number;
  readonly resolved: number;
}

export function blackoutMs(okTimes: readonly number[], { struckAt, endedAt }: Strike): number {
  const before = okTimes.filter((at) => at <= struckAt).at(-1) ?? struckAt;
  const during = [before, ...okTimes.filter((at) => at > struckAt && at <= endedAt), endedAt];
  return Math.max(...during.slice(1).map((at, index) => at - (during[index] as number)));
}

export function failoverReport({ strikes, ledger, ...rest }: FailoverResult) {
  const { okTimes, entries } = ledger;
  const rows: FaultRow[] = FAULTS.map((fault) => {
    const own = strikes.filter((strike) => strike.fault === fault);
    const sent = entries.filter(({ at }) =>
      own.some(({ struckAt, endedAt }) => at >= struckAt && at < endedAt),
    );
    return {
      fault,
      n: own.length,
      blackoutSeconds: own.map((strike) => blackoutMs(okTimes, strike) / 1000),
      wholeSeconds: own.map(({ wholeAfterMs }) => wholeAfterMs / 1000),
      ...counts(sent),
    };
  });
  const total = { sent: entries.length, ...counts(entries) };
  const ackedBefore = strikes.map((strike) => ackedBeforeRise(okTimes, strike));
  return { rows, total, ackedBefore, answers: answersOf(entries), strikes, ...rest };
}

export function failoverText(report: ReturnType<typeof failoverReport>): string {
  const { rows, total } = report;
  return [
    asTable(
      [
        'fault',
        'n',
        'blackout s p50',
        'p99',
        'max',
        'whole s max',
        'acked',
        'unknown',
        'refused',
        'resolved',
      ],
      rows.map((row) => [
        ...[row.fault, row.n, ...spread(row.blackoutSeconds), spread(row.wholeSeconds)[2] ?? '-'],
        ...[row.acked, row.unknown, row.refused, row.resolved],
      ]),
    ),
    '',
    asTable(
      [
        'strike',
        'blackout s',
        'timeline',
        'generation',
        'row rose after ms',
        'acked before it rose',
        'control file late ms',
      ],
      report.strikes.map((strike, index) => [
        `${index + 1} ${strike.fault}`,
        blackoutOf(rows, report.strikes, strike).toFixed(2),
        strike.generation.timelines,
        strike.generation.generations,
        strike.generation.roseAfterMs ?? 'never',
        report.ackedBefore[index] ?? '-',
        strike.generation.controlLateMs ?? '-',
      ]),
    ),
    '',
    `triggers: ${total.sent} sent; first try ${total.acked} acked, ${total.unknown} unknown, ${total.refused} refused; ${total.resolved} resolved by asking again`,
    `not acked at the first try: ${report.answers.map(([text, count]) => `${count} × ${text}`).join(', ') || 'none'}`,
    `backlog after the last fault: ${report.settling.backlog} triggers and runs, done after ${report.settling.seconds.toFixed(1)} s`,
    `runs of ten steps: ${report.runs}; attempts that do not count: ${report.repeatedSteps}`,
    '',
    "warnings and errors in the controllers' logs:",
    asRepeats(report.controllerLogs),
    '',
    ...(report.misses.length === 0
      ? ['nothing was missed']
      : [`${report.misses.length} missed:`, ...report.misses.map((miss) => `  ${miss}`)]),
    '',
  ].join('\n');
}

/** Acknowledged by the new primary while the row still named the old generation. */
function ackedBeforeRise(okTimes: readonly number[], { generation }: Strike): number {
  const { promotedAt, roseAt } = generation;
  if (promotedAt === null) return 0;
  return okTimes.filter((at) => at >= promotedAt && at < (roseAt ?? Number.POSITIVE_INFINITY)).length;
}

function blackoutOf(rows: readonly FaultRow[], strikes: readonly Strike[], strike: Strike): number {
  const row = rows.find(({ fault }) => fault === strike.fault);
  const index = strikes.filter(({ fault }) => fault === strike.fault).indexOf(strike);
  return row?.blackoutSeconds[index] ?? Number.NaN;
}

function counts(entries: readonly LedgerEntry[]) {
  const first = (outcome: LedgerEntry['first']) => entries.filter((entry) => entry.first === outcome).length;
  return {
    acked: first('acked'),
    unknown: first('unknown'),
    refused: first('refused'),
    resolved: entries.filter((entry) => entry.first !== 'acked' && entry.id !== null).length,
  };
}

function answersOf(entries: readonly LedgerEntry[]): readonly (readonly [string, number])[] {
  const answers = new Map<string, number>();
  for (const { first, detail } of entries)
    if (first !== 'acked') answers.set(detail, (answers.get(detail) ?? 0) + 1);
  return [...answers].sort((a, b) => b[1] - a[1]);
}

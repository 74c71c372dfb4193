import { asRepeats, asTable, spread } from '../report.ts';
import type { PoolerResult } from './pooler-suite.ts';

/** The two ways beside each other, and what the logs of each say again and again. */
export function poolerText({ ways, misses }: PoolerResult): string {
  const rows = ways.flatMap(({ name, dispatchMs, betweenStepsMs }) => [
    ...dispatchMs.map((values, index) => [
      `${name}: run asked of controller ${index + 1} → first step starts`,
      values.length,
      ...spread(values, 0),
    ]),
    [`${name}: step ends → next step starts`, betweenStepsMs.length, ...spread(betweenStepsMs, 0)],
  ]);
  return [
    asTable(['ms', 'n', 'p50', 'p99', 'max'], rows),
    '',
    asTable(
      [
        'way',
        'runs of ten steps',
        'succeeded',
        'triggers',
        'not acked at once',
        '5xx',
        'backlog',
        'done in s',
      ],
      ways.map((way) => [
        ...[way.name, way.runs, way.succeeded, way.triggers],
        ...[way.notAckedAtOnce.length, way.errors.length],
        ...[way.settling.backlog, way.settling.seconds.toFixed(1)],
      ]),
    ),
    '',
    ...ways.flatMap(({ name, logs }) =>
      logs
        .filter(({ repeats }) => repeats.length > 0)
        .flatMap(({ process, repeats }) => [`${name}, ${process}'s log:`, asRepeats(repeats)]),
    ),
    '',
    ...(misses.length === 0
      ? ['nothing was missed']
      : [`${misses.length} missed:`, ...misses.map((miss) => `  ${miss}`)]),
    '',
  ].join('\n');
}

import type { Machine } from '../../tools/describe-machine.ts';
import { round } from '../latency.ts';
import { describeBench } from '../machine.ts';
import type { Noticed } from './foreground.ts';
import type { HoldfastRun, PhaseNoticed } from './run-holdfast.ts';
import type { MethodRun } from './run-trigger-method.ts';
import type { LockHold } from './watched-session.ts';
import type { WriteCost } from './write-cost.ts';

/** What a person reads; each table says where and when it was taken. */
export function printTables(runs: readonly MethodRun[], holdfast: readonly HoldfastRun[]): string {
  return [
    ratesTable(runs),
    appTable(runs),
    lagTable(runs),
    ...holdfast.flatMap((run) => [heldTable(run), partsTable(run), phasesTable(run.name, run.phases)]),
  ].join('');
}

/** The sources that run are those of the start; somebody may commit meanwhile. */
const STARTED: Machine = describeBench();

type Cells = readonly (string | number)[];

export function table(title: string, head: Cells, rows: readonly Cells[]): string {
  const { commit, machine } = STARTED;
  const load = `load ${machine.loadAverage} at the start, ${describeBench().machine.loadAverage} at the end`;
  const where = `commit ${commit.slice(0, 9)}, ${machine.cores} cores, ${load}, ${machine.postgres}`;
  const line = (cells: Cells) => `| ${cells.join(' | ')} |\n`;
  return `\n${title} (${where})\n\n${[head, head.map(() => '---'), ...rows].map(line).join('')}`;
}

function ratesTable(runs: readonly MethodRun[]): string {
  const rows = runs.map((run) => [
    run.name,
    run.rows.toLocaleString('en'),
    `${round(run.seconds)} s${run.finished ? '' : ', stopped'}`,
    run.rowsPerSecond.toLocaleString('en'),
    run.cpuMicrosPerRow,
    run.walBytesPerRow,
    run.vacuums,
    run.cpu.othersCores,
  ]);
  const head = [
    'method',
    'n rows',
    'took',
    'rows/s',
    'CPU µs a row',
    'WAL bytes a row',
    'vacuums',
    "others' cores",
  ];
  return table('Backfill', head, rows);
}

function appTable(runs: readonly MethodRun[]): string {
  const rows = runs.map(({ name, before, during }) => [
    name,
    `${before.n} / ${during.n}`,
    `${before.p50} / ${before.p95} / ${before.p99} / ${before.max}`,
    `${during.p50} / ${during.p95} / ${during.p99} / ${during.max}`,
    round(during.p99 / before.p99),
    kinds(during),
    during.failed + before.failed,
  ]);
  const head = [
    'method',
    'n before / during',
    'before, ms',
    'during, ms',
    'p99 during : before',
    'p99 read / change / add',
    'failed',
  ];
  return table('The app at 300 statements a second: p50 / p95 / p99 / max', head, rows);
}

function kinds({ p99Of }: Noticed): string {
  return `${p99Of.read} / ${p99Of.change} / ${p99Of.add}`;
}

function lagTable(runs: readonly MethodRun[]): string {
  const mib = (bytes: number) => round(bytes / 1024 ** 2);
  const rows = runs.map(({ name, lag }) => [name, lag.n, lag.maxMs, mib(lag.maxBytes)]);
  return table('Replay lag of the standby, largest', ['method', 'n looks', 'ms', 'MiB'], rows);
}

function heldTable({ name, held, heldShare, seconds }: HoldfastRun): string {
  const rows = held.map(({ reason, times, share }) => [reason, times, `${round(share * 100)} %`]);
  const total = ['all', held.reduce((sum, { times }) => sum + times, 0), `${round(heldShare * 100)} %`];
  return table(
    `${name}: what held it over ${round(seconds)} s`,
    ['reason', 'n', 'share of the time'],
    [...rows, total],
  );
}

function partsTable({ name, parts }: HoldfastRun): string {
  const rows = parts.map((part) => [part.statement, part.times, part.meanMs, `${round(part.share * 100)} %`]);
  return table(`${name}: where its time goes`, ['statement', 'n', 'mean ms', 'share of the time'], rows);
}

function phasesTable(name: string, phases: readonly PhaseNoticed[]): string {
  const rows = phases.map(({ phase, seconds, finished, held, app }) => [
    phase,
    `${round(seconds)} s${finished ? '' : ', stopped'}`,
    `${app.p50} / ${app.p95} / ${app.p99} / ${app.max}`,
    app.n,
    held.map(({ reason, times }) => `${times} × ${reason}`).join('; ') || '-',
  ]);
  const head = ['phase', 'took', 'app p50 / p95 / p99 / max, ms', 'n', 'held by'];
  return table(`${name}: the phases that change the shape`, head, rows);
}

export function printHolds(title: string, holds: readonly LockHold[]): string {
  const kinds = [...new Set(holds.map(({ mode, statement }) => `${mode}\t${kindOf(statement)}`))];
  const rows = kinds.sort().map((kind) => {
    const [mode = '', statement = ''] = kind.split('\t');
    const of = holds.filter((hold) => hold.mode === mode && kindOf(hold.statement) === statement);
    return [mode, statement, ...holdFigures(of)];
  });
  const head = ['lock', 'statement', 'n', 'p50 ms', 'p99 ms', 'max ms'];
  return table(title, head, [...rows, ['all', '', ...holdFigures(holds)]]);
}

export function holdFigures(holds: readonly LockHold[]): readonly number[] {
  const sorted = holds.map(({ ms }) => ms).sort((one, other) => one - other);
  const at = (share: number) =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return [sorted.length, at(0.5), at(0.99), at(1)];
}

/** Without the names, which differ from round to round. */
function kindOf(statement: string): string {
  return statement
    .replace(/\b(?:zz_holdfast_\w+|e?mail\w*|customers\w*)/g, '…')
    .replace(/ (?:BEFORE|text|ON)\b.*/, '');
}

export function printWrites(writes: readonly WriteCost[]): string {
  const rows = writes.map(({ commits, n, perSecond, walBytes }) => [
    commits,
    n,
    `${perSecond.without} / ${perSecond.with}`,
    perSecond.ratio,
    `${walBytes.without} / ${walBytes.with}`,
    walBytes.ratio,
  ]);
  const head = ['commits', 'n', 'a second, without / with trigger', 'ratio', 'WAL bytes each', 'ratio'];
  return table('Updates of the old column of one row while expanded, one connection', head, rows);
}

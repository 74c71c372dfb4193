import { stripVTControlCharacters, styleText } from 'node:util';

/** What people see: tables, states in colour (NO_COLOR is obeyed), or one JSON document. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ''))));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)))
      .join('  ')
      .trimEnd();
  return [paint('dim', line(head)), ...rows.map(line)].join('\n');
}

function width(text: string): number {
  return stripVTControlCharacters(text).length;
}

type Paint = Parameters<typeof styleText>[0];

/** Colours only where somebody looks: not in a pipe, not with NO_COLOR. */
export function paint(style: Paint, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

const STATES: { readonly [state: string]: Paint } = {
  succeeded: 'green',
  done: 'green',
  ready: 'green',
  online: 'green',
  rolledBack: 'green',
  serving: 'green',
  hot: 'green',
  notWorse: 'green',
  failed: 'red',
  aborted: 'red',
  lost: 'red',
  crashed: 'red',
  worse: 'red',
  aborting: 'red',
  running: 'cyan',
  analysing: 'cyan',
  shifting: 'cyan',
  promoting: 'cyan',
  starting: 'cyan',
  soaking: 'cyan',
  rollingBack: 'cyan',
  held: 'yellow',
  paused: 'yellow',
  suspect: 'yellow',
  unready: 'yellow',
  draining: 'yellow',
  undecided: 'yellow',
  insufficientData: 'yellow',
  queued: 'dim',
  waiting: 'dim',
  skipped: 'dim',
  cancelled: 'dim',
  superseded: 'dim',
  offline: 'dim',
};

export function state(word: string): string {
  const style = STATES[word];
  return style ? paint(style, word) : word;
}

export function ago(time: string | null): string {
  if (time === null) return '-';
  const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  if (seconds < 90) return `${Math.round(seconds)}s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)}m ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)}h ago`;
  return `${Math.round(seconds / 86_400)}d ago`;
}

export function lasted(from: string | null, to: string | null): string {
  if (from === null) return '-';
  const seconds = ((to === null ? Date.now() : Date.parse(to)) - Date.parse(from)) / 1000;
  return seconds < 90 ? `${seconds.toFixed(1)}s` : `${Math.floor(seconds / 60)}m${Math.round(seconds % 60)}s`;
}

export function short(digest: string): string {
  return digest
    .replace(/sha256:([0-9a-f]{12})[0-9a-f]+/, 'sha256:$1')
    .replace(/^([0-9a-f]{10})[0-9a-f]{30}$/, '$1');
}

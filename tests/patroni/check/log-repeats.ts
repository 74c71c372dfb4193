/** Warnings and errors of a log in pino's form, and how often each came. */
export interface Repeat {
  readonly count: number;
  readonly level: string;
  readonly text: string;
}

const LEVELS: { readonly [level: number]: string } = { 40: 'warn', 50: 'error', 60: 'fatal' };

export function logRepeats(text: string): readonly Repeat[] {
  const counts = new Map<string, Repeat>();
  for (const line of text.split('\n')) {
    const found = readLine(line);
    if (!found) continue;
    const key = `${found.level} ${found.text}`;
    counts.set(key, { ...found, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count);
}

/** What no log may hold: a statement that a pooler lost, or an end nobody asked for. */
export function saysForbidden(repeat: Repeat): boolean {
  return /prepared statement|bind message supplies|unhandled|uncaught/i.test(repeat.text);
}

function readLine(line: string): Omit<Repeat, 'count'> | null {
  if (line.trim() === '') return null;
  try {
    const { level, msg, err } = JSON.parse(line) as {
      level: number;
      msg?: string;
      err?: { message?: string };
    };
    const name = LEVELS[level];
    if (!name) return null;
    return { level: name, text: [msg, err?.message].filter(Boolean).join(' | ').slice(0, 160) };
  } catch {
    return { level: 'text', text: withoutParticulars(line).slice(0, 160) };
  }
}

/** What differs from line to line of a plain log: time, process, connection, port, age. */
function withoutParticulars(line: string): string {
  return line
    .replace(/^[-\d]+ [:.\d]+ \w+ \[\d+\] /, '')
    .replace(/\b([CS])-0x[0-9a-f]+/, '$1')
    .replace(/(127\.0\.0\.1):\d+/g, '$1')
    .replace(/age=\d+s/, 'age');
}

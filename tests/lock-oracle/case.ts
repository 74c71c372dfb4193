/** One statement, on tables that `setup` made and committed. */
export interface Case {
  readonly name: string;
  readonly setup: string;
  readonly statement: string;
  /** A major version whose grammar or behaviour the statement needs. */
  readonly since: number;
  /** A statement that PostgreSQL refuses is a fault of a written case, and chance in a generated one. */
  readonly origin: 'written' | 'generated';
}

export type Entry =
  | string
  | { readonly statement: string; readonly setup?: string; readonly since?: number; readonly title?: string };

/** Written cases of one kind, all on the fixture; each is named by what it says. */
export function group(kind: string, fixture: string, entries: readonly Entry[]): readonly Case[] {
  return entries.map((entry) => {
    const {
      statement,
      setup = '',
      since = 0,
      title,
    } = typeof entry === 'string' ? { statement: entry } : entry;
    const name = `${kind}: ${title ?? statement}`;
    return { name, setup: `${fixture}\n${setup}`.trim(), statement, since, origin: 'written' };
  });
}

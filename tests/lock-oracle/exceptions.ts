import type { Case } from './case.ts';
import type { Mismatch } from './compare.ts';

/** Overcautious claims that stay as they are, each with its reason. Nothing unsound may stand here. */
export interface Exception {
  readonly statement: RegExp;
  readonly what: readonly Mismatch['what'][];
  readonly reason: string;
}

export const EXCEPTIONS: readonly Exception[] = [
  {
    statement: /\bIF (?:NOT )?EXISTS\b/,
    what: ['lock', 'scan'],
    reason: 'what is there may be another thing by the time the statement is run',
  },
  {
    statement: /\bf_inlined\(\)/,
    what: ['rewrite'],
    reason: 'PostgreSQL puts a simple SQL function in place first, and then nothing volatile is left of it',
  },
  {
    statement: /(?:SET|DROP) NOT NULL|VALIDATE CONSTRAINT/,
    what: ['lock'],
    reason: 'where nothing is left to do PostgreSQL does not go down to the partitions',
  },
  {
    statement: /REINDEX TABLE/,
    what: ['scan'],
    reason:
      'of a partitioned table each partition is read in a transaction of its own, which was not held up',
  },
  {
    statement: /PARTITION/,
    what: ['scan'],
    reason: 'whether a CHECK of the default partition leaves the new bounds out is for PostgreSQL to prove',
  },
  {
    statement: /SET (?:LOGGED|ACCESS METHOD heap|TABLESPACE pg_default)/,
    what: ['rewrite'],
    reason: 'the table is so already, which the catalog of the linter does not hold',
  },
];

export function exceptionFor({ statement }: Case, { verdict, what }: Mismatch): Exception | null {
  if (verdict === 'unsound') return null;
  return EXCEPTIONS.find((entry) => entry.what.includes(what) && entry.statement.test(statement)) ?? null;
}

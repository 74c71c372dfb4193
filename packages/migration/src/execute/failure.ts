import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';

/** What an error of the user's database means for the migration. */
export type Failure =
  /** Trying again later may well work: a lock, a deadlock, a lost primary, a full disk. */
  | { readonly kind: 'waits'; readonly reason: string }
  /** It fails the same way again: a person must look. */
  | { readonly kind: 'failed'; readonly reason: string };

const PASSING: Readonly<Record<string, string>> = {
  '55P03': 'a lock was not to be had',
  '40P01': 'a deadlock with another session',
  '40001': 'another session changed the same rows',
  '53100': 'the disk of the database is full',
  '53200': 'the database is out of memory',
  '53300': 'the database has no connection left',
  '25006': "the app's database takes no writes now: it is a standby",
};

export function failureOf(error: unknown): Failure {
  if (error instanceof HoldfastError) return ownFailure(error);
  const code = systemCode(error) ?? '';
  const passing = PASSING[code];
  if (passing) return { kind: 'waits', reason: passing };
  const gone =
    /^(?:08|57P0)/.test(code) ||
    /^E[A-Z]+$/.test(code) ||
    (error instanceof Error &&
      /terminated|not queryable|connection/i.test(error.message) &&
      !/^[0-9A-Z]{5}$/.test(code));
  if (gone) return { kind: 'waits', reason: `the app's database went away (${code || 'connection lost'})` };
  if (isTooLong(error))
    return { kind: 'failed', reason: 'a statement took longer than its limit; its locks were given back' };
  // Class 22 quotes the value that did not fit.
  if (code.startsWith('22'))
    return {
      kind: 'failed',
      reason: `a value of some row does not fit the expression or the type (${code})`,
    };
  // PostgreSQL's detail quotes values of rows: not for a log or a page.
  return { kind: 'failed', reason: `${(error as Error).message}${code ? ` (${code})` : ''}` };
}

/** One of ours says by its kind whether waiting helps. */
export function ownFailure({ kind, code, message: reason }: HoldfastError): Failure {
  return { kind: kind === 'unavailable' || code === 'fenceStale' ? 'waits' : 'failed', reason };
}

/** By its own limit; a batch is halved, a statement would take as long again. */
export function isTooLong(error: unknown): boolean {
  return systemCode(error) === '57014';
}

export function isLockTimeout(error: unknown): boolean {
  return ['55P03', '40P01', '57014'].includes(systemCode(error) ?? '');
}

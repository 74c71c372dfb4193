import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import { type Failure, ownFailure } from '../execute/failure.ts';

const PASSING: Readonly<Record<string, string>> = {
  ER_LOCK_WAIT_TIMEOUT: 'a lock was not to be had',
  ER_LOCK_DEADLOCK: 'a deadlock with another session',
  ER_CON_COUNT_ERROR: 'the database has no connection left',
  ER_OPTION_PREVENTS_STATEMENT: "the app's database takes no writes now: it is read-only",
  ER_DISK_FULL: 'the disk of the database is full',
  ER_RECORD_FILE_FULL: 'the disk of the database is full',
};

export function mysqlFailureOf(error: unknown): Failure {
  if (error instanceof HoldfastError) return ownFailure(error);
  const code = systemCode(error) ?? '';
  const passing = PASSING[code];
  if (passing) return { kind: 'waits', reason: passing };
  if (/^(?:E[A-Z]+|PROTOCOL_\w+|ER_SERVER_SHUTDOWN|ER_CONNECTION_KILLED)$/.test(code))
    return { kind: 'waits', reason: `the app's database went away (${code})` };
  // Sentences about rows quote their values: not for a log or a page.
  if (
    /^(?:ER_DUP_ENTRY|ER_TRUNCATED_WRONG_VALUE\w*|ER_WARN_DATA\w*|WARN_DATA_TRUNCATED|ER_BAD_NULL_ERROR|ER_DATA_TOO_LONG)$/.test(
      code,
    )
  )
    return { kind: 'failed', reason: `a value of some row does not fit the new shape (${code})` };
  return { kind: 'failed', reason: `${(error as Error).message}${code ? ` (${code})` : ''}` };
}

/** The server cannot do it in this way; nothing was done. */
export function isRefusedWay(error: unknown): boolean {
  return [
    'ER_ALTER_OPERATION_NOT_SUPPORTED',
    'ER_ALTER_OPERATION_NOT_SUPPORTED_REASON',
    'ER_UNKNOWN_ALTER_ALGORITHM',
    'ER_UNKNOWN_ALTER_LOCK',
    'ER_WRONG_USAGE',
  ].includes(systemCode(error) ?? '');
}

import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';

/** What an error of the driver means for the one who asked. */

/** deadlock_detected and serialization_failure: nothing was changed. */
export function isRetryable(error: unknown): boolean {
  return ['40P01', '40001'].includes(codeOf(error));
}

/** What was sent cannot be kept, now or ever: values out of range (class 22), a constraint (class 23). */
export function isBadData(error: unknown): boolean {
  return /^2[23]/.test(codeOf(error));
}

/**
 * The connection, or the server behind it, is of no use any more: class 08, an ended or starting
 * server (57P0x), a demoted primary that still answers reads (25006), a broken socket.
 */
export function isConnectionFailure(error: unknown): boolean {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : '';
  return (
    /^(08|57P0[1-5]|25006)/.test(code) ||
    [
      'ECONNREFUSED',
      'ECONNRESET',
      'ENOENT',
      'EPIPE',
      'ETIMEDOUT',
      'ENOTFOUND',
      'EAI_AGAIN',
      'EHOSTUNREACH',
    ].includes(code) ||
    /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable|Cannot use a pool after calling end/.test(
      message,
    )
  );
}

/** All of the pool's connections were busy for too long. */
export function isPoolWait(error: unknown): boolean {
  return error instanceof Error && /timeout exceeded when trying to connect/.test(error.message);
}

/** lock_not_available: somebody else has it, for longer than was waited. */
export function isBusyLock(error: unknown): boolean {
  return codeOf(error) === '55P03';
}

/** PostgreSQL's unique_violation, optionally of one constraint. */
export function isDuplicate(error: unknown, constraint?: string): boolean {
  const failure = error as { code?: string; constraint?: string };
  return failure?.code === '23505' && (constraint === undefined || failure.constraint === constraint);
}

/** A pooler in transaction mode gave the statement to a server that never saw it prepared, or saw it twice. */
export function isLostStatement(error: unknown): boolean {
  return ['26000', '42P05'].includes(codeOf(error));
}

/** PgBouncer passes no start-up parameters on that it was not told to ignore. */
export function isRefusedParameter(error: unknown): boolean {
  return error instanceof Error && /unsupported startup parameter/.test(error.message);
}

export function translate(error: unknown): unknown {
  if (error instanceof HoldfastError || !isConnectionFailure(error)) return error;
  return new HoldfastError('databaseUnavailable', 'the database does not answer', { cause: error });
}

function codeOf(error: unknown): string {
  return error instanceof HoldfastError ? codeOf(error.cause) : (systemCode(error) ?? '');
}

import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';

/** What an error of the driver means for the one who asked. */

/** deadlock_detected and serialization_failure: nothing was changed. */
export function isRetryable(error: unknown): boolean {
  return ['40P01', '40001'].includes(codeOf(error));
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

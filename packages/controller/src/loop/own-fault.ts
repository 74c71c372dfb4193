import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import { isBadData } from '@holdfast/postgres/failures.ts';

/** So often in a row something must fail for a reason of its own until it is left to people. */
export const OWN_FAULTS_AT_MOST = 5;

/**
 * A fault of the program or of the data before it: the same input brings it again, and waiting does
 * not help. What the field brings is none: Holdfast's own errors, those of the operating system
 * (E…) and of PostgreSQL (five characters), unless it refused the values themselves.
 */
export function isOwnFault(error: unknown): error is Error {
  if (!(error instanceof Error) || error instanceof HoldfastError) return false;
  return isBadData(error) || !/^(E[A-Z0-9]+|\w{5})$/.test(systemCode(error) ?? '');
}

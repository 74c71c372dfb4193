import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import { isBadData } from '@holdfast/postgres/failures.ts';

/** So often in a row something must fail for a reason of its own until it is left to people. */
export const OWN_FAULTS_AT_MOST = 5;

const NAMES = ['BrokenInvariant', 'TypeError', 'RangeError', 'ReferenceError'];

/**
 * A fault of the program or of the data before it: the same input brings it again, and waiting does
 * not help. What the field brings is none: Holdfast's own errors, those of the operating system and of
 * services, and `fetch failed`, a TypeError whose cause is the network.
 */
export function isOwnFault(error: unknown): error is Error {
  if (!(error instanceof Error) || error instanceof HoldfastError) return false;
  if (isBadData(error)) return true;
  const code = systemCode(error);
  return NAMES.includes(error.name) && error.cause === undefined && (code?.startsWith('ERR_') ?? true);
}

import type { ArmSample, Sample } from './analysis.ts';

/** Buckets of users: 0..9999, as the router draws them. */
const BUCKETS = 10_000;
const DIGITS = BUCKETS / 4;
export const NOBODY = '0'.repeat(DIGITS);

export interface FirstFailures {
  readonly candidate: number;
  readonly stable: number;
  /** Everybody who has failed by now. */
  readonly known: string;
}

/**
 * Where users are sticky, a user's failure is evidence once per rollout. A user who always fails
 * fails again every minute, and each of those says only that he was drawn into that arm: counted
 * each time, 2 % of such users end a quarter of the healthy releases (bench judge, clustered).
 *
 * The set of users is a string of hexadecimal digits, four buckets a digit: it is saved with the
 * rollout at every look.
 *
 * Arms that do not know their users count every failure.
 */
export function firstFailures(known: string, { candidate, stable }: Sample): FirstFailures {
  if (candidate.failedUsers === null && stable.failedUsers === null)
    return { candidate: candidate.failedUnits, stable: stable.failedUnits, known };
  if (candidate.failedUnits + stable.failedUnits === 0) return { candidate: 0, stable: 0, known };
  const bits = digitsOf(known);
  const take = (arm: ArmSample) =>
    arm.failedUsers === null
      ? arm.failedUnits
      : arm.failedUsers.filter((bucket) => isNew(bits, bucket)).length;
  const counts = { candidate: take(candidate), stable: take(stable) };
  return { ...counts, known: bits.map((bit) => bit.toString(16)).join('') };
}

/**
 * Ordinary failures reach every user in time. When a tenth of them is known, all are forgotten: users
 * who always fail are few among so many, and harm that comes later must not go unseen. What was seen
 * until then decides it, so the test stays valid.
 */
const FULL = BUCKETS / 10;

function digitsOf(known: string): number[] {
  const bits = [...known].map((digit) => Number.parseInt(digit, 16));
  const count = bits.reduce((sum, digit) => sum + (BITS[digit] as number), 0);
  return count < FULL ? bits : bits.map(() => 0);
}

const BITS = [0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4];

function isNew(bits: number[], bucket: number): boolean {
  const at = Math.floor(bucket / 4);
  const bit = 1 << (bucket % 4);
  const before = bits[at];
  if (before === undefined || (before & bit) !== 0) return false;
  bits[at] = before | bit;
  return true;
}

import { beforeEach, expect, test } from 'vitest';
import { LeaseFloors } from './lease-floors.ts';

let now = 0;
let floors: LeaseFloors;
beforeEach(() => {
  now = 0;
  floors = new LeaseFloors(() => now);
});
const DAY = 86_400_000;

function note(grantedMs: readonly number[], databaseMs: number, whole = false): void {
  floors.note('a', { grantedMs, databaseMs, whole });
}

test('an agent is read from its oldest lease on, and not from after what may still commit', () => {
  expect(floors.since('a')).toBeNull();
  note([DAY - 60_000.4, DAY - 5_000], DAY, true);
  expect(floors.since('a')).toEqual(new Date(DAY - 60_001));
  note([DAY - 5_000], DAY);
  expect(floors.since('a')).toEqual(new Date(DAY - 20_000));
  note([], DAY + 1_000);
  expect(floors.since('a')).toEqual(new Date(DAY - 19_000));
  expect(floors.since('b')).toBeNull();
});

test('everything is read again after half a minute, however often it is noted in between', () => {
  note([], DAY, true);
  now = 29_999;
  note([], DAY + now);
  expect(floors.since('a')).not.toBeNull();
  now = 30_000;
  expect(floors.since('a')).toBeNull();
  note([], DAY + now);
  expect(floors.since('a')).toBeNull();
  note([], DAY + now, true);
  expect(floors.since('a')).not.toBeNull();
});

test('a database whose clock went back is read from the beginning; a little skew is none', () => {
  expect(floors.holdAt(DAY)).toBe(true);
  note([], DAY, true);
  expect(floors.holdAt(DAY - 9_000)).toBe(true);
  expect(floors.since('a')).not.toBeNull();
  expect(floors.holdAt(DAY - 11_000)).toBe(false);
  expect(floors.since('a')).toBeNull();
  expect(floors.holdAt(DAY - 11_000)).toBe(true);
});

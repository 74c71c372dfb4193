import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { readDiskFloor, shortOfDisk } from './disk-floor.ts';

test('a disk with less than its floor is told in a sentence, one with more is not', async () => {
  expect(await shortOfDisk(tmpdir(), 0)).toBe(null);
  expect(await shortOfDisk(tmpdir(), Number.MAX_SAFE_INTEGER)).toMatch(
    /^the disk of \/\S+ has [\d.]+ \w+ free, below its floor of 8192 TiB$/,
  );
});

test('a directory that is not there says nothing about a disk', async () => {
  expect(await shortOfDisk('/nowhere/at/all', Number.MAX_SAFE_INTEGER)).toBe(null);
});

test('a floor is a size, and anything else is refused by name', () => {
  expect(readDiskFloor('FLOOR', { FLOOR: '2GiB' })).toBe(2 * 1024 ** 3);
  expect(() => readDiskFloor('FLOOR', { FLOOR: '5 percent' })).toThrow('FLOOR: expected a size');
});

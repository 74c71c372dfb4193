import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readInside } from './open-inside.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-inside-'));
  mkdirSync(join(root, 'work/sub'), { recursive: true });
  writeFileSync(join(root, 'secret'), 'of somebody else');
  writeFileSync(join(root, 'work/sub/file'), 'ours');
});
afterEach(() => rmSync(root, { recursive: true }));

const read = (path: string, limit = 100) => readInside(join(root, 'work'), path, limit);

test('a file of the workspace is read, also through a link that stays in it', () => {
  symlinkSync('sub', join(root, 'work/linked'));
  expect([read('sub/file'), read('linked/file'), read('sub/none'), read('sub')]).toEqual([
    'ours',
    'ours',
    null,
    null,
  ]);
});

test('nothing outside is read, whatever leads there', () => {
  symlinkSync('../../secret', join(root, 'work/sub/leaf'));
  symlinkSync(root, join(root, 'work/folder'));
  for (const path of ['sub/leaf', 'folder/secret', '../secret', '/etc/passwd/../passwd'])
    expect(read(path), path).toBe(null);
});

test('what is longer than the limit is not read at all', () => {
  expect(read('sub/file', 3)).toBe(null);
});

import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { rotate } from './rotate.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-rotate-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const at = (name: string) => join(root, name);

test('what is long is kept once and cut off, what is short stays', async () => {
  writeFileSync(at('output'), 'long enough');
  await rotate(at('output'), at('older'), 100);
  expect(existsSync(at('older'))).toBe(false);
  await rotate(at('output'), at('older'), 5);
  expect([readFileSync(at('older'), 'utf8'), readFileSync(at('output'), 'utf8')]).toEqual([
    'long enough',
    '',
  ]);
});

test('through a link nothing is read, cut or written', async () => {
  writeFileSync(at('secret'), 'of somebody else');
  symlinkSync(at('secret'), at('output'));
  await rotate(at('output'), at('older'), 5);
  expect(existsSync(at('older'))).toBe(false);
  rmSync(at('output'));
  writeFileSync(at('output'), 'long enough');
  symlinkSync(at('secret'), at('older'));
  await rotate(at('output'), at('older'), 5);
  expect(readFileSync(at('secret'), 'utf8')).toBe('of somebody else');
});

test('where there is no room for the older part the output is cut all the same', async () => {
  writeFileSync(at('output'), 'long enough');
  await rotate(at('output'), '/dev/full', 5);
  expect(readFileSync(at('output'), 'utf8')).toBe('');
});

import { expect, test } from 'vitest';
import type { Json } from '../kernel/json.ts';
import { expandMatrix } from './matrix.ts';

function expand(matrix: Json) {
  const expanded = expandMatrix(matrix, 256);
  return expanded.ok ? expanded.value : expanded.refusal;
}

test("include extends and adds as GitHub's documentation shows", () => {
  const rows = expand({
    fruit: ['apple', 'pear'],
    animal: ['cat', 'dog'],
    include: [
      { color: 'green' },
      { color: 'pink', animal: 'cat' },
      { fruit: 'apple', shape: 'circle' },
      { fruit: 'banana' },
      { fruit: 'banana', animal: 'cat' },
    ],
  });
  expect(rows).toEqual([
    { fruit: 'apple', animal: 'cat', color: 'pink', shape: 'circle' },
    { fruit: 'apple', animal: 'dog', color: 'green', shape: 'circle' },
    { fruit: 'pear', animal: 'cat', color: 'pink' },
    { fruit: 'pear', animal: 'dog', color: 'green' },
    { fruit: 'banana' },
    { fruit: 'banana', animal: 'cat' },
  ]);
});

test('exclude takes combinations away, also by a part of their names', () => {
  expect(expand({ os: ['a', 'b'], node: [1, 2], exclude: [{ os: 'b' }, { os: 'a', node: 1 }] })).toEqual([
    { os: 'a', node: 2 },
  ]);
});

test('a matrix of includes alone is their list', () => {
  expect(expand({ include: [{ a: 1 }, { a: 2 }] })).toEqual([{ a: 1 }, { a: 2 }]);
});

test('a matrix that is none is refused with what was expected, before it is multiplied', () => {
  expect(expand(null)).toContain('expected a mapping');
  expect(expand({ os: 'abc' })).toBe('os: expected a list, found "abc"');
  expect(expand({ include: [null] })).toContain('list of mappings');
  const wide = Array.from({ length: 25 }, (_, n) => n);
  expect(expand({ a: wide, b: wide, c: wide, d: wide, e: wide, f: wide, g: wide })).toContain(
    'far more than 256',
  );
});

test('a combination that an include added is not extended by the next', () => {
  expect(expand({ a: [1], include: [{ a: 2 }, { a: 2, b: 3 }] })).toEqual([
    { a: 1 },
    { a: 2 },
    { a: 2, b: 3 },
  ]);
});

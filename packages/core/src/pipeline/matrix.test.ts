import { expect, test } from 'vitest';
import { expandMatrix } from './matrix.ts';

test("include extends and adds as GitHub's documentation shows", () => {
  const rows = expandMatrix({
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
  expect(
    expandMatrix({ os: ['a', 'b'], node: [1, 2], exclude: [{ os: 'b' }, { os: 'a', node: 1 }] }),
  ).toEqual([{ os: 'a', node: 2 }]);
});

test('a matrix of includes alone is their list', () => {
  expect(expandMatrix({ include: [{ a: 1 }, { a: 2 }] })).toEqual([{ a: 1 }, { a: 2 }]);
});

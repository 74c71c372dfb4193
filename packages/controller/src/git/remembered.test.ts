import { expect, test } from 'vitest';
import { Remembered } from './remembered.ts';

test('an answer is found once, whoever asks meanwhile and shortly after', async () => {
  const answers = new Remembered<number>({ most: 2, forMs: 60_000 });
  let found = 0;
  const find = async () => ++found;
  expect(await Promise.all([answers.get('a', find), answers.get('a', find)])).toEqual([1, 1]);
  expect(await answers.get('a', find)).toBe(1);
});

test('failures, old answers and the oldest of too many are found anew', async () => {
  const answers = new Remembered<number>({ most: 2, forMs: 60_000 });
  await expect(answers.get('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await answers.get('a', async () => 1)).toBe(1);
  for (const key of ['b', 'c']) await answers.get(key, async () => 2);
  expect(await answers.get('a', async () => 3)).toBe(3);
  const short = new Remembered<number>({ most: 2, forMs: 0 });
  await short.get('a', async () => 1);
  expect(await short.get('a', async () => 2)).toBe(2);
});

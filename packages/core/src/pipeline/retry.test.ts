import { expect, test } from 'vitest';
import { parseRetry, retryBy } from './retry.ts';

test.each([
  ['2', [{ of: 'any', code: null, times: 2 }]],
  [
    'exit 75: 3, signal: 1, timeout:1',
    [
      { of: 'exit', code: 75, times: 3 },
      { of: 'signal', code: null, times: 1 },
      { of: 'timeout', code: null, times: 1 },
    ],
  ],
  ['exit: 1', [{ of: 'exit', code: null, times: 1 }]],
])('%s is understood', (text, rules) => {
  expect(parseRetry(text)).toEqual(rules);
});

test.each(['', 'often', '-1', '11', 'exit 256: 1', 'exit 75', 'signal 9: 1', '2,'])(
  '%j is refused',
  (text) => {
    expect(parseRetry(text)).toBeNull();
  },
);

test('each rule is a budget of its own, and the first that fits is spent', () => {
  const rules = parseRetry('exit 75: 1, timeout: 1, 1') ?? [];
  const busy = { kind: 'exit', code: 75 } as const;
  expect(retryBy(rules, busy, [])).toBe(0);
  expect(retryBy(rules, busy, [1, 0, 0])).toBe(2);
  expect(retryBy(rules, busy, [1, 0, 1])).toBeNull();
  expect(retryBy(rules, { kind: 'timeout', code: 143 }, [1, 0, 1])).toBe(1);
  expect(retryBy(rules, { kind: 'signal', code: null }, [1, 0, 0])).toBe(2);
  expect(retryBy(parseRetry('0') ?? [], busy, [])).toBeNull();
});

import { expect, test } from 'vitest';
import { createExpressions, textMembers, textOf } from './expressions.ts';

const status = { success: true, failure: false, cancelled: false };
const values = {
  github: { ref: 'refs/heads/main', event: { labels: [{ name: 'bug' }] } },
  needs: { a: { outputs: { m: '{"os":["u","m"]}' }, result: 'success' } },
  env: { A: "it's" },
};
const expressions = createExpressions({ hashFiles: () => 'abc' });
const evaluate = (expression: string) => expressions.value({ expression }, values, status);

test("expressions mean what GitHub's documentation says", () => {
  expect(evaluate("github.ref == 'REFS/heads/main' && !failure()")).toBe(true);
  expect(evaluate('github.nope.deeper')).toBeNull();
  expect(evaluate("contains(github.event.labels.*.name, 'bug')")).toBe(true);
  expect(evaluate("format('{0} ''quoted'' ''twice''', env.A)")).toBe("it's 'quoted' 'twice'");
  expect(evaluate('fromJSON(needs.a.outputs.m).os[1]')).toBe('m');
  expect(evaluate("hashFiles('x')")).toBe('abc');
});

test('templates keep their shape and types', () => {
  const template = {
    members: [
      ['os', { expression: 'fromJSON(needs.a.outputs.m).os' }],
      ['n', { items: [1, '1', true, null] }],
    ],
  } as const;
  expect(expressions.value(template as never, values, status)).toEqual({
    os: ['u', 'm'],
    n: [1, '1', true, null],
  });
});

test('a condition is truthy as in GitHub: any text but the empty one', () => {
  expect(expressions.condition("'false'", values, status)).toBe(true);
  expect(expressions.condition("''", values, status)).toBe(false);
  expect(expressions.condition('always()', values, { ...status, success: false })).toBe(true);
});

test('what cannot be evaluated says what and why', () => {
  expect(() => evaluate("fromJSON('{')")).toThrow("cannot evaluate ${{ fromJSON('{') }}");
  expect(() => createExpressions().value({ expression: "hashFiles('x')" }, values, status)).toThrow(
    'only be used in steps',
  );
});

test('values become text as in env and with', () => {
  expect(textMembers({ a: 1, b: null, c: true, d: [1] })).toEqual({ a: '1', b: '', c: 'true', d: '[1]' });
  expect(textOf(0.5)).toBe('0.5');
});

test('an expression that would make gigabytes is an error before it does, on parsing as on formatting', () => {
  const nested = (times: number) =>
    Array.from({ length: times }).reduce<string>(
      (inner) => `format('{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}', ${inner})`,
      "'0,'",
    );
  expect(() => evaluate(nested(9))).toThrow('it makes more than');
  expect(() => evaluate(`fromJSON(format('[{0}0]', ${nested(6)}))`)).toThrow('it makes more than');
  expect(() => evaluate(`fromJSON('${'['.repeat(200)}${']'.repeat(200)}')`)).toThrow('nested more than');
  expect(evaluate(`toJSON(fromJSON('["[", {"a": "]"}]'))`)).toContain('"a"');
  expect(evaluate(`join(fromJSON('["a", "b"]'), '-')`)).toBe('a-b');
});

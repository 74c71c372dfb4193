import { beforeAll, expect, test } from 'vitest';
import { expressionText, statementText } from './deparse.ts';
import { loadParser, parseExpression, parseSql } from './parse-sql.ts';

beforeAll(loadParser);

const printed = (text: string) => expressionText(parseExpression('f', text));

test.each([
  '(a OR b) IS NULL',
  '(a AND b) IS NOT NULL',
  '(NOT a) IS TRUE',
  '(a = b) IN (true, c)',
  '- (a IS NULL)',
  '(ARRAY[a, b])[1]',
])('%s is not run as something else', (text) => {
  expect(() => printed(text)).toThrow('without changing what it means');
});

test.each([
  "upper(name) || ' (x)'",
  'a AND (b OR NOT c)',
  'CASE WHEN a IS NULL THEN 1 ELSE b * (c + 1) END',
  "d::date BETWEEN '2026-01-01' AND now()",
  "(j ->> 'k')::int + coalesce(e, -1)",
  'x = ANY (ARRAY[1, 2])',
])('%s is printed as what it is', (text) => {
  expect(printed(printed(text))).toBe(printed(text));
});

test('a statement whose condition would change is refused as a whole', () => {
  const [statement] = parseSql('f', 'DELETE FROM t WHERE (a OR b) IS NULL');
  expect(() => statementText(statement?.node as never)).toThrow('a OR b IS NULL');
});

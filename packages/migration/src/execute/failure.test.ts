import { HoldfastError } from '@holdfast/contract/errors.ts';
import { expect, test } from 'vitest';
import { failureOf } from './failure.ts';

const withCode = (code: string, message = 'what it says') => Object.assign(new Error(message), { code });

test.each([
  new Error('Client has encountered a connection error and is not queryable'),
  new Error('Connection terminated unexpectedly'),
  withCode('57P01'),
  withCode('ECONNREFUSED'),
  new HoldfastError('databaseUnavailable', "the app's database cannot be reached (ECONNREFUSED)"),
])('a database that is gone is waited for: %s', (error) => {
  expect(failureOf(error)).toMatchObject({
    kind: 'waits',
    reason: expect.stringContaining("the app's database"),
  });
});

test('what fails again the same way waits for a person, and quotes no row', () => {
  expect(failureOf(withCode('42703'))).toEqual({ kind: 'failed', reason: 'what it says (42703)' });
  const { kind, reason } = failureOf(withCode('22P02', 'invalid input syntax for type integer: "secret"'));
  expect(kind).toBe('failed');
  expect(reason).not.toContain('secret');
});

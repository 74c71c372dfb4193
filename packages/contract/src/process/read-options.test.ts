import { expect, test } from 'vitest';
import { readOptions } from './read-options.ts';

const flags = { name: { type: 'string' }, host: { type: 'boolean' } } as const;

test('flags are read, and one that is not known is refused with those that are', () => {
  expect(readOptions('agent', flags, ['--name', 'a', '--host'])).toEqual({ name: 'a', host: true });
  expect(() => readOptions('agent', flags, ['--nmae', 'a'])).toThrow(
    "Unknown option '--nmae'; expected --name VALUE, --host",
  );
});

import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { secretNamesOf } from './secret-references.ts';
import { openBytes, sealBytes } from './vault.ts';

test('what is sealed opens with the same key for the same purpose and no other', () => {
  const key = randomBytes(32);
  const sealed = sealBytes(key, 'secret shop TOKEN 1', Buffer.from('hunter2'));
  expect(sealed.includes(Buffer.from('hunter2'))).toBe(false);
  expect(openBytes(key, 'secret shop TOKEN 1', sealed).toString()).toBe('hunter2');
  expect(() => openBytes(key, 'secret shop OTHER 1', sealed)).toThrow('cannot be opened');
  expect(() => openBytes(randomBytes(32), 'secret shop TOKEN 1', sealed)).toThrow('master key');
  expect(sealBytes(key, 'p', Buffer.from('x'))).not.toEqual(sealBytes(key, 'p', Buffer.from('x')));
});

test('the secrets an environment names are found', () => {
  expect(secretNamesOf({ A: '${{ secrets.ONE }}-${{secrets.TWO}}', B: 'plain' })).toEqual(['ONE', 'TWO']);
});

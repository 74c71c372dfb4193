import assert from 'node:assert/strict';
import { test } from 'node:test';
import { version } from './behaviour.js';

test('a release says which version it is', () => {
  assert.ok(Number.isInteger(version));
});

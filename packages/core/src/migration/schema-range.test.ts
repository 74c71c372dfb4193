import { expect, test } from 'vitest';
import { type Migration, type MigrationState, planned } from './migration.ts';
import { rangeOf, rollbackHindrance, startHindrance, trafficHindrance, wishFor } from './schema-range.ts';

const at = (version: number, state: MigrationState, more: Partial<Migration> = {}): Migration => ({
  ...planned({ version, name: 'm', digest: 'd', contracts: true }, 0),
  state,
  ...more,
});

test('a release lives with what its tree holds, unless its author says otherwise', () => {
  expect(rangeOf([1, 2, 7])).toEqual({ versions: [1, 2, 7], min: 7, max: 0 });
  expect(rangeOf([])).toEqual({ versions: [], min: 0, max: 0 });
  expect(rangeOf([1, 2, 7], { min: 2, max: 9 })).toEqual({ versions: [1, 2, 7], min: 2, max: 9 });
});

test('instances start when their shape exists, traffic comes when it is complete', () => {
  const range = rangeOf([6, 7]);
  expect(startHindrance(range, [at(6, 'done'), at(7, 'expanding')])).toBe(
    'waits for migration 0007_m to be expanded (expanding)',
  );
  expect(startHindrance(range, [at(7, 'expanded'), at(8, 'planned')])).toBeNull();
  const half = at(7, 'backfilling', { progress: { rows: 430, total: 1_000, rowsPerSecond: 10, batch: 10 } });
  expect(trafficHindrance(range, [half])).toBe('waits for migration 0007_m to be ready (backfilling, 43 %)');
  const held = at(7, 'paused', {
    paused: { from: 'backfilling', by: 'signal' },
    reason: 'a replica is 2s behind',
  });
  expect(startHindrance(range, [held])).toBeNull();
  expect(trafficHindrance(range, [held])).toBe(
    'waits for migration 0007_m to be ready (paused: a replica is 2s behind)',
  );
  expect(trafficHindrance(range, [at(7, 'ready')])).toBeNull();
});

test('a release is not returned to once what it reads is gone', () => {
  const old = { number: 3, range: rangeOf([6]) };
  expect(rollbackHindrance(old, [at(7, 'ready')])).toBeNull();
  expect(rollbackHindrance(old, [at(7, 'done', { contracts: false })])).toBeNull();
  expect(rollbackHindrance(old, [at(6, 'done'), at(7, 'contracting')])).toContain(
    'release 3 does not know migration 0007_m',
  );
});

test('the old shape stays while anybody may need it', () => {
  const user = (number: number, max: number, why: 'serves' | 'isKept' | 'hasInstances') => ({
    number,
    range: rangeOf(Array.from({ length: max }, (_, index) => index + 1)),
    why,
  });
  const free = { settled: true, manual: false };
  const seventh = { version: 7, contracts: true };
  expect(
    wishFor({ ...seventh, contracts: false }, [user(4, 7, 'serves'), user(3, 6, 'isKept')], free).to,
  ).toBe('contract');
  expect(wishFor(seventh, [user(4, 7, 'serves'), user(3, 6, 'isKept')], free)).toEqual({
    to: 'ready',
    hindrance: 'release 3 can still be returned to and uses the old shape',
  });
  expect(wishFor(seventh, [user(4, 7, 'serves'), user(3, 6, 'hasInstances')], free).hindrance).toContain(
    'has instances that run',
  );
  expect(wishFor(seventh, [user(4, 7, 'serves')], { ...free, settled: false }).to).toBe('ready');
  expect(wishFor(seventh, [user(4, 7, 'serves')], free)).toEqual({ to: 'contract', hindrance: null });
  expect(wishFor(seventh, [user(4, 7, 'serves')], { settled: true, manual: true })).toEqual({
    to: 'ready',
    hindrance: null,
  });
  expect(wishFor(seventh, [user(3, 6, 'serves')], free).to).toBe('nothing');
});

test('a change that comes late under a lower number is unknown to the release before', () => {
  const before = { number: 1, range: rangeOf([5, 7]), why: 'isKept' as const };
  const after = { number: 2, range: rangeOf([5, 6, 7]), why: 'serves' as const };
  const sixth = { version: 6, contracts: true };
  expect(wishFor(sixth, [after, before], { settled: true, manual: false })).toEqual({
    to: 'ready',
    hindrance: 'release 1 can still be returned to and uses the old shape',
  });
  expect(rollbackHindrance(before, [at(6, 'done')])).toContain('release 1 does not know migration 0006_m');
  expect(startHindrance(rangeOf([8]), [at(7, 'aborted'), at(8, 'ready')])).toBeNull();
});

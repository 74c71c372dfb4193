import { expect, test } from 'vitest';
import { afterBatch, afterFailure, FIRST_BATCH } from './batch-size.ts';
import { DEFAULT_LIMITS, throttle } from './throttle.ts';

test('the size settles where a batch takes its time', () => {
  let size = FIRST_BATCH;
  for (let batch = 0; batch < 60; batch += 1)
    size = afterBatch(size, { rows: size.rows, ms: size.rows * 0.02 }, 100);
  expect(size.rows).toBe(5_000);
});

test('one slow batch costs a fifth, a failed one a half', () => {
  const size = { rows: 5_000, msPerRow: 0.02 };
  expect(afterBatch(size, { rows: 5_000, ms: 5_000 }, 100).rows).toBe(4_000);
  expect(afterFailure(size).rows).toBe(2_500);
});

test('any one signal holds it, and it goes on well below the limit', () => {
  const lag = (value: number) =>
    [
      { name: 'activeBackends', value: 3 },
      { name: 'replicaLagMs', value },
    ] as const;
  expect(throttle(lag(1_400), DEFAULT_LIMITS, null)).toBeNull();
  expect(throttle(lag(2_000), DEFAULT_LIMITS, null)).toEqual({
    signal: 'replicaLagMs',
    reason: 'a replica is 2s behind, the limit is 1.5s',
  });
  expect(throttle(lag(1_400), DEFAULT_LIMITS, 'replicaLagMs')).not.toBeNull();
  expect(throttle(lag(1_000), DEFAULT_LIMITS, 'replicaLagMs')).toBeNull();
  expect(throttle([{ name: 'databaseBytes', value: 1e12 }], DEFAULT_LIMITS, null)).toBeNull();
});

test('what was stopped for something else goes on beside a signal that is merely high', () => {
  const full = [{ name: 'databaseBytes', value: 80 }] as const;
  for (const held of ['waitingForLock', 'replicaLagMs', null] as const)
    expect(throttle(full, { databaseBytes: 100 }, held)).toBeNull();
});

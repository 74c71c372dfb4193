import { expect, test } from 'vitest';
import { blueGreenSteps } from './blue-green.ts';
import { canarySteps } from './canary.ts';
import { batchOf, rollingSteps } from './rolling.ts';

const ROLLING = { batch: 1, surge: 1, minAvailable: 4, dwellMs: 0 };

test('rolling replaces batch by batch and keeps both promises at every step', () => {
  for (let replicas = 1; replicas <= 12; replicas += 1)
    for (let batch = 1; batch <= replicas; batch += 1)
      for (let surge = 0; surge <= 4; surge += 1)
        for (let minAvailable = 0; minAvailable <= replicas; minAvailable += 1) {
          const rolling = { batch, surge, minAvailable, dwellMs: 0 };
          if (batchOf(rolling, replicas) === 0) continue;
          let ready = 0;
          for (const step of rollingSteps(rolling, replicas)) {
            // While the batch starts, the batches before it and what is left of stable serve.
            expect(ready + step.stableMeanwhile).toBeGreaterThanOrEqual(minAvailable);
            expect(step.candidates + step.stableMeanwhile).toBeLessThanOrEqual(replicas + surge);
            expect(step.candidates + step.stable).toBe(replicas);
            ready = step.candidates;
          }
        }
});

test('a batch is as large as surge and minAvailable leave room for', () => {
  expect(batchOf({ ...ROLLING, batch: 3 }, 4)).toBe(1);
  expect(batchOf({ ...ROLLING, batch: 3, minAvailable: 2 }, 4)).toBe(3);
  expect(batchOf({ ...ROLLING, surge: 0 }, 4)).toBe(0);
  expect(rollingSteps({ ...ROLLING, batch: 3, minAvailable: 2 }, 4).map((step) => step.weight)).toEqual([
    7_500,
  ]);
});

test('a canary step has the instances of its share, of its copies, and as many as it asks for', () => {
  const step = { dwellMs: 0, gate: false, routes: [] };
  const [five, copied, asked, nobody] = canarySteps(
    [
      { ...step, weight: 500, mirror: 0, replicas: null },
      { ...step, weight: 500, mirror: 2_000, replicas: null },
      { ...step, weight: 500, mirror: 0, replicas: 3 },
      { ...step, weight: 0, mirror: 0, replicas: null },
    ],
    20,
  );
  expect([five, copied, asked, nobody].map((item) => item?.candidates)).toEqual([1, 5, 3, 1]);
});

test('blue-green is one switch between two whole fleets', () => {
  expect(blueGreenSteps({ gate: true, dwellMs: 5 }, 4)).toEqual([
    expect.objectContaining({ weight: 10_000, candidates: 4, stable: 4, gate: true }),
  ]);
});

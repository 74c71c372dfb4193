import { expect, test } from 'vitest';
import { advise, type Facts, requestsToDecide, sampleSize } from './advise.ts';
import type { RolloutPlan } from './rollout.ts';
import { canarySteps } from './strategies/canary.ts';
import { rollingSteps } from './strategies/rolling.ts';

/** The textbook case: 20 replicas × 50 requests/s; 5 % is exactly what one candidate replica carries. */
const CANARY: RolloutPlan = {
  strategy: 'canary',
  replicas: 20,
  steps: canarySteps(
    [500, 2_500, 5_000].map((weight) => ({
      weight,
      dwellMs: 300_000,
      replicas: null,
      gate: false,
      mirror: 0,
      routes: [],
    })),
    20,
  ),
  baseline: 'stable',
  ceiling: null,
  safeRps: 50,
  zoneLoss: false,
  preview: null,
  warmupMs: 10_000,
  deadlineMs: 900_000,
  rule: {
    metrics: [],
    method: 'sequential',
    plainForMs: 0,
    alpha: 0.01,
    errorIncrease: 0.002,
    latencyQuantile: 0.95,
    latencyIncreaseMs: 50,
    minimumRequests: 100,
  },
  whenUndecided: 'advance',
  whenInsufficient: 'probe',
  automatic: true,
  readinessDeadlineMs: 60_000,
  soakMs: 5_000,
  approvals: 0,
};

const FACTS: Facts = { requestsPerSecond: 1_000, errorRate: 0.005, sticky: true, startMs: 2_000, zones: 2 };

test('the textbook case fits exactly, and a request more a second does not', () => {
  const exact = advise(CANARY, FACTS);
  expect(exact).toMatchObject({ overloads: [], decidable: true, recommended: 'canary' });
  const over = advise(CANARY, { ...FACTS, requestsPerSecond: 1_050 });
  expect(over.overloads[0]).toContain(
    'At 5% the candidate cannot carry 5% of 1050 requests/s: 53 requests/s on 1',
  );
  expect(over.overloads.at(-1)).toContain('100%');
});

test('with a zone lost, half of the fleet has to carry everything', () => {
  const lost = advise({ ...CANARY, zoneLoss: true }, FACTS);
  expect(lost.overloads.length).toBeGreaterThan(0);
  expect(
    advise({ ...CANARY, zoneLoss: true }, { ...FACTS, requestsPerSecond: 20, zones: 2 }).overloads,
  ).toEqual([expect.stringContaining('At 5% the candidate')]);
});

test('little traffic cannot decide the rule, and what it could miss is said', () => {
  const little = advise(CANARY, { ...FACTS, requestsPerSecond: 5 });
  expect(little.decidable).toBe(false);
  expect(little.detectable).toBeGreaterThan(0.002);
  expect(little.detectable).toBeLessThan(0.02);
  expect(advise(CANARY, { ...FACTS, requestsPerSecond: 0 })).toMatchObject({
    detectable: null,
    recommended: 'blueGreen',
  });
});

test('the sample size is that of the textbook, and the judge needs more: it looks at every moment', () => {
  expect(Math.round(sampleSize(0.005, 0.002))).toBeGreaterThan(18_000);
  expect(Math.round(sampleSize(0.005, 0.002))).toBeLessThan(18_900);
  expect(requestsToDecide(0.005, 0.002)).toBeGreaterThan(34_000);
  expect(requestsToDecide(0.005, 0.002)).toBeLessThan(70_000);
});

test('one replica is switched, and a slow fleet without room is rolled', () => {
  expect(advise({ ...CANARY, replicas: 1 }, FACTS).recommended).toBe('blueGreen');
  const slow = { ...FACTS, startMs: 300_000, requestsPerSecond: 1_200 };
  expect(advise(CANARY, slow).recommended).toBe('rolling');
});

test('how long it takes counts starts, warm-ups, dwells and the soak', () => {
  const rolling: RolloutPlan = {
    ...CANARY,
    strategy: 'rolling',
    replicas: 4,
    steps: rollingSteps({ batch: 1, surge: 1, minAvailable: 4, dwellMs: 30_000 }, 4),
    deadlineMs: 120_000,
  };
  expect(advise(rolling, FACTS)).toMatchObject({
    shortestMs: 4 * 12_000 + 3 * 30_000 + 5_000,
    longestMs: 4 * 12_000 + 3 * 120_000 + 5_000,
  });
});

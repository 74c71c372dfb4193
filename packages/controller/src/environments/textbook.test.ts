import { bucketOf } from '@holdfast/core/analysis/histogram.ts';
import type { RolloutPlan } from '@holdfast/core/rollout/rollout.ts';
import { ALL_READY, Driver, fleet, PLAN } from '@holdfast/core/rollout/rollout-driver.ts';
import { canarySteps } from '@holdfast/core/rollout/strategies/canary.ts';
import { expect, test } from 'vitest';
import { collectEvidence } from './collect-evidence.ts';

/**
 * The textbook case: 20 replicas of 50 requests/s, 5 % of 1,000 requests/s on one candidate replica that is then exactly
 * at its limit, ended by +0.2 pp of errors or p95 +50 ms over five minutes.
 */
const FIVE_MINUTES = 300;
const PLAIN: RolloutPlan = {
  ...PLAN,
  replicas: 20,
  safeRps: 50,
  baseline: 'stable',
  deadlineMs: 1_800_000,
  steps: canarySteps(
    [{ weight: 500, dwellMs: 1_200_000, replicas: 1, gate: false, mirror: 0, routes: [] }],
    20,
  ),
  rule: {
    ...PLAN.rule,
    method: 'plain',
    plainForMs: FIVE_MINUTES * 1_000,
    errorIncrease: 0.002,
    latencyIncreaseMs: 50,
    minimumRequests: 100,
  },
};
const SEEN = {
  ...ALL_READY,
  requestsPerSecond: 1_000,
  candidate: fleet(1),
  baseline: fleet(0),
  stable: fleet(20),
  stableReplicas: 20,
};

/** Seconds until it was ended; null: ten minutes later it still is where it was. */
function endedAfter(candidate: { readonly errors: number; readonly ms: number }) {
  const run = new Driver({ plan: PLAIN });
  while (run.rollout.state !== 'analysing') run.tick(SEEN);
  expect(run.rollout).toMatchObject({ weight: 500, heldFor: null });
  const arm = (
    name: 'candidate' | 'stable',
    second: number,
    { errors, ms }: typeof candidate,
    requests: number,
  ) => {
    const until = (at: number) => Math.floor(at * requests * errors);
    const failed = until(second + 1) - until(second);
    return {
      name,
      release: name === 'candidate' ? 'r2' : 'r1',
      requests,
      failed,
      units: requests,
      failedUnits: failed,
      failedUsers: null,
      latency: { [bucketOf(ms)]: requests },
    };
  };
  const from = Math.ceil(run.now / 1_000) + 1;
  for (let second = from; second < from + 2 * FIVE_MINUTES; second += 1) {
    const counts = [
      arm('candidate', second, candidate, 50),
      arm('stable', second, { errors: 0.005, ms: 40 }, 950),
    ];
    run.rollout = { ...run.rollout, evidence: collectEvidence(run.rollout, [{ second, counts }]) };
    run.tick(SEEN, 1_000);
    if (run.rollout.state === 'aborting') return { seconds: second - from, reason: run.rollout.reason };
    expect(run.rollout.state).toBe('analysing');
  }
  return null;
}

test('as good as stable it stays, exactly at the limit of its one replica', () => {
  expect(endedAfter({ errors: 0.005, ms: 40 })).toBeNull();
  expect(endedAfter({ errors: 0.0065, ms: 80 })).toBeNull();
});

test('+0.3 percentage points of errors for five minutes end it, and so do 60 ms of p95', () => {
  const failing = endedAfter({ errors: 0.008, ms: 40 });
  expect(failing?.reason).toMatch(/^0.78 % of requests failed on the candidate, .* at every look for 300 s$/);
  const slow = endedAfter({ errors: 0.005, ms: 100 });
  expect(slow?.reason).toMatch(/p95.* at every look for 300 s$/);
  for (const ended of [failing, slow]) {
    // Counted in slices of ten seconds.
    expect(ended?.seconds).toBeGreaterThan(FIVE_MINUTES - 20);
    expect(ended?.seconds).toBeLessThan(1.5 * FIVE_MINUTES);
  }
});

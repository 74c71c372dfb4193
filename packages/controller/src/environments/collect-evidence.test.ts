import { planned } from '@holdfast/core/rollout/begin.ts';
import type { Rollout } from '@holdfast/core/rollout/rollout.ts';
import { PLAN } from '@holdfast/core/rollout/rollout-driver.ts';
import { expect, test } from 'vitest';
import { collectEvidence } from './collect-evidence.ts';

const plan = { ...PLAN, warmupMs: 10_000 };
const asked = { id: 'r', environment: 'e', kind: 'release', askedBy: null, plan } as const;
const begun = planned({ ...asked, candidate: 'r2', stable: 'r1' }, 0);

/** Both arms answered a hundred requests in each of these seconds; how many of the candidate's are evidence. */
function judged(rollout: Rollout, seconds: readonly number[]): number {
  const counts = (name: 'stable' | 'candidate', release: string) =>
    ({
      name,
      release,
      requests: 100,
      failed: 0,
      units: 100,
      failedUnits: 0,
      failedUsers: null,
      latency: {},
    }) as const;
  const intervals = seconds.map((second) => ({
    second,
    counts: [counts('stable', 'r1'), counts('candidate', 'r2')],
  }));
  return collectEvidence(rollout, intervals).candidate.requests;
}

test('the first seconds of an instance are not judged, on either arm', () => {
  const rollout = { ...begun, trafficSince: 100_000, warmingSince: 100_000 };
  expect(judged(rollout, [100, 109])).toBe(0);
  expect(judged(rollout, [110, 111])).toBe(200);
});

test('nor are those of instances that a later step starts; what came before them is', () => {
  const rollout = { ...begun, trafficSince: 100_000, warmingSince: 400_500 };
  expect(judged(rollout, [399, 400, 401, 410, 411])).toBe(200);
  expect(judged(rollout, [105])).toBe(0);
});

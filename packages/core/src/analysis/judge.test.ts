import { expect, test } from 'vitest';
import type { ArmSample, Rule, Sample } from './analysis.ts';
import { proportionInterval, RARE } from './confidence-sequence.ts';
import { addMetric, addRecent, addSample, noEvidence } from './evidence.ts';
import { firstFailures } from './failed-users.ts';
import { bucketOf, countAbove, quantileMs } from './histogram.ts';
import { judge } from './judge.ts';

const special = {
  lnGamma: (x: number): number =>
    x < 7
      ? special.lnGamma(x + 1) - Math.log(x)
      : (x - 0.5) * Math.log(x) - x + 0.9189385332046727 + 1 / (12 * x) - 1 / (360 * x ** 3),
};
const RULE: Rule = {
  metrics: [],
  method: 'sequential',
  plainForMs: 300_000,
  alpha: 0.01,
  errorIncrease: 0.002,
  latencyQuantile: 0.95,
  latencyIncreaseMs: 50,
  minimumRequests: 100,
};

/** mulberry32: a seed replays exactly. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

interface Arm {
  readonly rps: number;
  readonly errors: number;
  readonly slowMs?: number;
}

function arm(next: () => number, { rps, errors, slowMs = 0 }: Arm) {
  let failed = 0;
  const latency: Record<string, number> = {};
  for (let request = 0; request < rps; request += 1) {
    if (next() < errors) failed += 1;
    const bucket = String(bucketOf(20 + slowMs - 15 * Math.log(1 - next())));
    latency[bucket] = (latency[bucket] ?? 0) + 1;
  }
  return { units: rps, failedUnits: failed, requests: rps, latency, failedUsers: null };
}

/** Looks every second, as production does; the second at which it says worse, or null. */
function secondOfAbort(seed: number, candidate: Arm, stable: Arm, seconds: number): number | null {
  return abortOf(seed, candidate, stable, seconds)?.second ?? null;
}

function abortOf(seed: number, candidate: Arm, stable: Arm, seconds: number) {
  const next = random(seed);
  let evidence = noEvidence();
  for (let second = 1; second <= seconds; second += 1) {
    const whole = arm(next, stable);
    const sample: Sample = { candidate: arm(next, candidate), stable: whole, baseline: whole };
    evidence = addSample(evidence, sample, RULE);
    const judgement = judge(evidence, RULE, special);
    if (judgement.verdict === 'worse') return { second, judgement };
  }
  return null;
}

const SEEDS = Array.from({ length: 60 }, (_, seed) => seed + 1);

test('an unchanged release is hardly ever aborted, however often one looks', () => {
  const aborted = SEEDS.slice(0, 40).filter(
    (seed) => secondOfAbort(seed, { rps: 5, errors: 0.005 }, { rps: 45, errors: 0.005 }, 300) !== null,
  );
  expect(aborted.length).toBeLessThanOrEqual(1);
}, 30_000);

test('five points more errors are found within three minutes at 5 against 45 requests a second', () => {
  const found = SEEDS.map((seed) =>
    secondOfAbort(seed, { rps: 5, errors: 0.06 }, { rps: 45, errors: 0.005 }, 180),
  );
  expect(found.filter((second) => second !== null).length).toBeGreaterThanOrEqual(57);
});

test('a difference that is judged to be none of chance is shown with an interval above zero', () => {
  for (const seed of SEEDS.slice(0, 20)) {
    const aborted = abortOf(seed, { rps: 5, errors: 0.2 }, { rps: 45, errors: 0.005 }, 180);
    const errors = aborted?.judgement.metrics.find(({ metric }) => metric === 'errorRate');
    expect(errors?.verdict).toBe('worse');
    expect(errors?.interval?.[0]).toBeGreaterThanOrEqual(0);
    expect(errors?.interval?.[1]).toBeGreaterThan(errors?.estimate as number);
  }
});

test('as long as latency is undecided, its interval holds the margin', () => {
  for (const seed of SEEDS.slice(0, 10)) {
    const next = random(seed);
    let evidence = noEvidence();
    for (let second = 1; second <= 60; second += 1) {
      const whole = arm(next, { rps: 45, errors: 0 });
      const sample = {
        candidate: arm(next, { rps: 5, errors: 0, slowMs: 80 }),
        stable: whole,
        baseline: whole,
      };
      evidence = addSample(evidence, sample, RULE);
      const latency = judge(evidence, RULE, special).metrics.find(({ metric }) => metric === 'latency');
      if (latency?.verdict !== 'undecided' || !latency.interval) continue;
      expect(latency.interval[0]).toBeLessThanOrEqual(RULE.latencyIncreaseMs);
      expect(latency.interval[1]).toBeGreaterThanOrEqual(RULE.latencyIncreaseMs);
    }
  }
});

test('80 ms slower is found, the same speed is not', () => {
  const slower = SEEDS.slice(0, 20).map((seed) =>
    secondOfAbort(seed, { rps: 10, errors: 0, slowMs: 80 }, { rps: 10, errors: 0 }, 60),
  );
  expect(slower.every((second) => second !== null && second < 30)).toBe(true);
  const same = SEEDS.slice(0, 20).map((seed) =>
    secondOfAbort(seed, { rps: 10, errors: 0 }, { rps: 10, errors: 0 }, 300),
  );
  expect(same.filter((second) => second !== null).length).toBe(0);
});

test('"not worse" by 0.2 points needs about 3,700 requests without an error', () => {
  const verdictAt = (n: number) => {
    const arms = { units: n, failedUnits: 0, requests: n, latency: { [bucketOf(20)]: n } };
    return judge(
      { ...noEvidence(), candidate: arms, stable: { ...arms, units: n * 9 }, baseline: arms },
      { ...RULE, alpha: 0.1 },
      special,
    ).metrics[0]?.verdict;
  };
  expect(verdictAt(2_500)).toBe('undecided');
  expect(verdictAt(5_500)).toBe('notWorse');
});

test('few requests are said to be few', () => {
  const arms = { units: 10, failedUnits: 0, requests: 10, latency: {} };
  expect(
    judge({ ...noEvidence(), candidate: arms, stable: arms, baseline: arms }, RULE, special),
  ).toMatchObject({ verdict: 'insufficientData', sentence: expect.stringContaining('10 requests') });
});

test('the interval covers the truth at every look', () => {
  const misses = SEEDS.filter((seed) => {
    const next = random(seed);
    let bad = 0;
    for (let n = 1; n <= 3_000; n += 1) {
      if (next() < 0.02) bad += 1;
      const [low, high] = proportionInterval({ n, bad }, 0.05, { special, prior: RARE });
      if (n % 10 === 0 && (low > 0.02 || high < 0.02)) return true;
    }
    return false;
  });
  expect(misses.length).toBeLessThanOrEqual(5);
});

test('a histogram is within one per cent and counts above a bound', () => {
  const histogram: Record<string, number> = {};
  for (let ms = 1; ms <= 1_000; ms += 1) histogram[bucketOf(ms)] = (histogram[bucketOf(ms)] ?? 0) + 1;
  expect(quantileMs(histogram, 0.95)).toBeGreaterThan(940);
  expect(quantileMs(histogram, 0.95)).toBeLessThan(961);
  expect(Math.abs(countAbove(histogram, 500) - 500)).toBeLessThan(12);
});

test('a user who always fails is evidence once, whichever arms he meets', () => {
  const failing = (user: number, second: number): ArmSample => ({
    units: 50,
    failedUnits: 1,
    requests: 50,
    latency: {},
    failedUsers: [user + (second % 2)],
  });
  let evidence = noEvidence();
  for (let second = 0; second < 600; second += 1) {
    const stable = { ...failing(9_000, second), units: 450, failedUnits: 0, failedUsers: [] };
    evidence = addSample(evidence, { candidate: failing(10, second), stable, baseline: stable }, RULE);
  }
  expect(judge(evidence, RULE, special).verdict).not.toBe('worse');
  const counted = addSample(
    noEvidence(),
    { candidate: failing(4, 0), stable: failing(4, 0), baseline: failing(4, 0) },
    RULE,
  );
  expect(
    firstFailures(counted.failedUsers, {
      candidate: failing(4, 0),
      stable: failing(5, 0),
      baseline: failing(5, 0),
    }),
  ).toMatchObject({ candidate: 0, stable: 1 });
});

test('what would show by now lets a release go on; too little traffic, or a hint of harm, does not', () => {
  const after = (seconds: number, errors: number) => {
    const next = random(7);
    let evidence = noEvidence();
    for (let second = 0; second < seconds; second += 1) {
      const stable = arm(next, { rps: 90, errors: 0.001 });
      evidence = addSample(
        evidence,
        {
          candidate: arm(next, { rps: 10, errors }),
          stable,
          baseline: arm(next, { rps: 10, errors: 0.001 }),
        },
        RULE,
      );
    }
    return judge(evidence, RULE, special);
  };
  expect(after(30, 0.001).wouldShow).toBe(false);
  expect(after(300, 0.001)).toMatchObject({ verdict: 'undecided', wouldShow: true });
  expect(after(300, 0.006).wouldShow).toBe(false);
});

const MINUTES = (count: number, extra: number, ms: number) => {
  let evidence = noEvidence();
  const rule: Rule = { ...RULE, method: 'plain', plainForMs: 300_000 };
  const side = (failed: number, at: number): ArmSample => ({
    units: 500,
    failedUnits: failed,
    requests: 500,
    latency: { [bucketOf(at)]: 500 },
    failedUsers: null,
  });
  for (let second = 0; second < count * 60; second += 10) {
    const sample = { candidate: side(5 + extra, ms), stable: side(5, 20), baseline: side(5, 20) };
    evidence = addRecent(evidence, sample, { second, rule });
  }
  const totals = side(0, 20);
  return judge({ ...evidence, candidate: totals }, rule, special);
};

test('the plain rule wants its threshold passed at every look for its whole duration', () => {
  expect(MINUTES(4, 3, 20).verdict).toBe('undecided');
  expect(MINUTES(6, 3, 20)).toMatchObject({ verdict: 'worse' });
  expect(MINUTES(6, 3, 20).sentence).toContain('over the threshold at every look for 300 s');
  expect(MINUTES(6, 0, 80)).toMatchObject({ verdict: 'worse' });
  expect(MINUTES(6, 0, 60).verdict).toBe('notWorse');
});

test('ordinary failures of all users do not hide the harm that comes later', () => {
  const next = random(3);
  let evidence = noEvidence();
  const side = (units: number, rate: number): ArmSample => {
    const failedUsers: number[] = [];
    for (let unit = 0; unit < units; unit += 1)
      if (next() < rate) failedUsers.push(Math.floor(next() * 10_000));
    return { units, failedUnits: failedUsers.length, requests: units, latency: {}, failedUsers };
  };
  const second = (rate: number) => {
    const stable = side(1_800, 0.02);
    evidence = addSample(evidence, { candidate: side(200, rate), stable, baseline: stable }, RULE);
  };
  for (let count = 0; count < 300; count += 1) second(0.02);
  expect(judge(evidence, RULE, special).verdict).not.toBe('worse');
  for (let count = 0; count < 30; count += 1) second(0.2);
  expect(judge(evidence, RULE, special).verdict).toBe('worse');
}, 20_000);

test('a metric of the user: readings that repeat are one, what varies is judged, silence proves nothing', () => {
  const rule: Rule = { ...RULE, metrics: [{ name: 'orders', direction: 'decrease', margin: 0.05 }] };
  const told = (values: readonly (readonly [number, number])[]) =>
    values.reduce(
      (evidence, [candidate, baseline]) =>
        addMetric(evidence, { metric: 'orders', candidate, baseline, problem: null }),
      noEvidence(),
    );
  const verdictOf = (values: readonly (readonly [number, number])[]) =>
    judge(told(values), rule, special).metrics.find(({ metric }) => metric === 'orders')?.verdict;
  const noisy = (level: number) =>
    Array.from({ length: 20 }, (_, at) => [level + (at % 5) / 5, 100] as const);
  expect(verdictOf(noisy(60))).toBe('worse');
  expect(verdictOf(noisy(99))).toBe('notWorse');
  expect(verdictOf(Array.from({ length: 50 }, () => [60, 100] as const))).toBe('undecided');
  const zero = judge(told([[50, 0]]), rule, special).metrics.find(({ metric }) => metric === 'orders');
  expect(zero?.sentence).toContain('the baseline is 0');
});

import { expect, test } from 'vitest';
import { noEvidence } from '../analysis/evidence.ts';
import { decide } from './decide.ts';
import { desire } from './desire.ts';
import { checkRollout } from './invariants.ts';
import type { Observation, Rollout, RolloutEvent } from './rollout.ts';

/** Stirling with correction terms: enough for tests; production uses a library. */
const special = {
  lnGamma: (x: number): number =>
    x < 7
      ? special.lnGamma(x + 1) - Math.log(x)
      : (x - 0.5) * Math.log(x) - x + 0.9189385332046727 + 1 / (12 * x) - 1 / (360 * x ** 3),
};

const ROLLOUT: Rollout = {
  id: 'rollout',
  environment: 'env',
  kind: 'release',
  candidate: 'r2',
  stable: 'r1',
  plan: {
    replicas: 4,
    steps: [
      { weight: 500, dwellMs: 1_000 },
      { weight: 5_000, dwellMs: 1_000 },
    ],
    baseline: 'fresh',
    warmupMs: 0,
    deadlineMs: 5_000,
    rule: {
      alpha: 0.01,
      errorIncrease: 0.02,
      latencyQuantile: 0.95,
      latencyIncreaseMs: 50,
      minimumRequests: 50,
    },
    whenUndecided: 'advance',
    whenInsufficient: 'probe',
    readinessDeadlineMs: 10_000,
    soakMs: 1_000,
  },
  state: 'planned',
  step: 0,
  weight: 0,
  stateSince: 0,
  startedAt: 0,
  pausedFrom: null,
  trafficSince: null,
  evidence: noEvidence(),
  judgement: null,
  unjudged: false,
  reason: null,
};

const ALL_READY: Observation = {
  candidate: { ready: 4, crashed: 0, complaint: null },
  baseline: { ready: 4, crashed: 0, complaint: null },
  routers: { published: true, acknowledged: true, mute: [], count: 2 },
};

class Driver {
  rollout: Rollout;
  now = 0;
  effects: string[] = [];

  constructor(over: Partial<Rollout> = {}) {
    this.rollout = { ...ROLLOUT, ...over };
  }

  tick(over: Partial<Observation> = {}, afterMs = 100): this {
    this.now += afterMs;
    return this.do({ kind: 'tick', observation: { ...ALL_READY, ...over } });
  }

  do(event: RolloutEvent): this {
    const decided = decide(this.rollout, event, { now: this.now, special });
    if (!decided.ok) throw new Error(decided.refusal.sentence);
    this.rollout = decided.value.rollout;
    checkRollout(this.rollout);
    this.effects.push(
      ...decided.value.effects.map((effect) => (effect.kind === 'announce' ? effect.state : effect.kind)),
    );
    return this;
  }

  until(state: string): this {
    for (let ticks = 0; this.rollout.state !== state; ticks += 1) {
      if (ticks > 200) throw new Error(`never ${state}, still ${this.rollout.state}`);
      this.tick();
    }
    return this;
  }

  feed(
    candidate: { n: number; failed: number; ms?: number },
    stable: { n: number; failed: number; ms?: number },
  ): this {
    const arm = (side: { n: number; failed: number; ms?: number }) => ({
      units: side.n,
      failedUnits: side.failed,
      requests: side.n,
      latency: { [Math.ceil(Math.log(side.ms ?? 20) / Math.log(1.02))]: side.n },
    });
    const evidence = {
      ...this.rollout.evidence,
      expectedFailures: stable.n === 0 ? 0 : (candidate.n * stable.failed) / stable.n,
      candidate: arm(candidate),
      stable: arm(stable),
      baseline: arm(stable),
    };
    this.rollout = { ...this.rollout, evidence };
    return this;
  }
}

test('a release without harm reaches the whole traffic unattended, step by step', () => {
  const run = new Driver().until('analysing');
  expect(run.rollout.weight).toBe(500);
  run.feed({ n: 500, failed: 0 }, { n: 5_000, failed: 0 }).until('soaking');
  expect(run.rollout.weight).toBe(10_000);
  run.until('done');
  expect(run.effects.filter((effect) => effect === 'makeStable')).toHaveLength(1);
  expect(run.effects).toEqual(
    expect.arrayContaining(['starting', 'ready', 'shifting', 'analysing', 'promoting', 'soaking', 'done']),
  );
});

test('traffic moves only when every router acknowledged', () => {
  const run = new Driver().until('shifting');
  for (let ticks = 0; ticks < 50; ticks += 1)
    run.tick({ routers: { ...ALL_READY.routers, acknowledged: false } });
  expect(run.rollout.state).toBe('shifting');
  run.tick();
  expect(run.rollout.state).toBe('analysing');
});

test('a release that fails more often is aborted with the reason, and stable serves', () => {
  const run = new Driver().until('analysing');
  let { evidence } = run.rollout;
  evidence = { ...evidence, logRatios: evidence.logRatios.map(() => 12) };
  run.rollout = { ...run.rollout, evidence };
  run.feed({ n: 100, failed: 6 }, { n: 900, failed: 1 });
  run.rollout = { ...run.rollout, evidence: { ...run.rollout.evidence, logRatios: evidence.logRatios } };
  run.tick();
  expect(run.rollout.state).toBe('aborting');
  expect(run.rollout.reason).toContain('6.00 %');
  expect(
    desire({ stable: 'r1', previous: null, replicas: 4 }, run.rollout).find(
      (group) => group.name === 'stable',
    )?.share,
  ).toBe(10_000);
  run.tick();
  expect(run.rollout).toMatchObject({ state: 'aborted', weight: 0 });
});

test('too few requests: probes decide at the deadline, and the step is marked unjudged', () => {
  const run = new Driver().until('analysing').tick({}, 6_000);
  expect(run.rollout).toMatchObject({ state: 'starting', step: 1, unjudged: true });
  const failing = new Driver()
    .until('analysing')
    .tick({ candidate: { ready: 0, crashed: 0, complaint: 'its probe failed' } }, 6_000);
  expect(failing.rollout).toMatchObject({ state: 'aborting' });
  expect(failing.rollout.reason).toContain('its probe failed');
});

test('undecided at the deadline follows the policy', () => {
  const undecided = (whenUndecided: 'advance' | 'hold' | 'abort') =>
    new Driver({ plan: { ...ROLLOUT.plan, whenUndecided } })
      .until('analysing')
      .feed({ n: 60, failed: 0 }, { n: 600, failed: 0 })
      .tick({}, 6_000).rollout.state;
  expect(undecided('advance')).toBe('starting');
  expect(undecided('hold')).toBe('held');
  expect(undecided('abort')).toBe('aborting');
});

test('the dwell is kept even when nothing more is to be learned', () => {
  const run = new Driver()
    .until('analysing')
    .feed({ n: 9_000, failed: 0 }, { n: 90_000, failed: 0 })
    .tick({}, 500);
  expect(run.rollout.state).toBe('analysing');
  expect(run.tick({}, 600).rollout.state).toBe('starting');
});

test('instances that never become ready end the rollout with their own words', () => {
  const unready = { candidate: { ready: 0, crashed: 0, complaint: '/readyz answered 503' } };
  const run = new Driver().until('starting').tick(unready, 11_000);
  expect(run.rollout.state).toBe('aborting');
  expect(run.rollout.reason).toContain('/readyz answered 503');
  const first = new Driver({ stable: null }).until('starting').tick(unready, 11_000);
  expect(first.rollout.state).toBe('failed');
});

test('a crash loop aborts while it is watched', () => {
  const run = new Driver()
    .until('analysing')
    .tick({ candidate: { ready: 1, crashed: 3, complaint: 'it exited with code 1' } });
  expect(run.rollout.state).toBe('aborting');
});

test('harm after the switch brings the former release back', () => {
  const run = new Driver()
    .until('soaking')
    .tick({ candidate: { ready: 4, crashed: 3, complaint: 'out of memory' } });
  expect(run.rollout.state).toBe('aborting');
  expect(run.effects).toContain('restoreStable');
  expect(() => new Driver().until('soaking').do({ kind: 'abort', reason: '' })).toThrow('roll back instead');
});

test('the first release of an environment is not analysed', () => {
  const run = new Driver({ stable: null }).until('done');
  expect(run.effects).not.toContain('analysing');
});

test('a rollback skips analysis, never readiness', () => {
  const run = new Driver({ kind: 'rollback' })
    .until('starting')
    .tick({ candidate: { ready: 3, crashed: 0, complaint: null } });
  expect(run.rollout.state).toBe('starting');
  run.until('rolledBack');
  expect(run.effects).toEqual(['starting', 'ready', 'rollingBack', 'makeStable', 'rolledBack']);
});

test('an abort does not wait for a mute router for longer than two seconds', () => {
  const run = new Driver().until('analysing').do({ kind: 'abort', reason: 'by hand' });
  const mute = { routers: { ...ALL_READY.routers, acknowledged: false } };
  expect(run.tick(mute, 1_000).rollout.state).toBe('aborting');
  expect(run.tick(mute, 1_100).rollout.state).toBe('aborted');
});

test('people pause, resume, advance and abort; what does not fit is refused in a sentence', () => {
  const run = new Driver().until('analysing').do({ kind: 'pause' });
  expect(run.tick({}, 60_000).rollout.state).toBe('paused');
  expect(() => run.do({ kind: 'advance', full: false })).toThrow('cannot be advanced');
  run.do({ kind: 'resume' });
  expect(run.rollout.state).toBe('analysing');
  expect(run.do({ kind: 'advance', full: true }).rollout.state).toBe('promoting');
  run.until('done');
  expect(() => run.do({ kind: 'abort', reason: '' })).toThrow('already done');
});

test('stable keeps its whole fleet until the candidate carries everything', () => {
  const run = new Driver();
  while (run.rollout.state !== 'soaking') {
    run.tick();
    const groups = desire({ stable: 'r1', previous: 'r0', replicas: 4 }, run.rollout);
    expect(groups.find((group) => group.name === 'stable')?.replicas).toBe(4);
    const shares = groups.reduce((sum, group) => sum + group.share, 0);
    expect(shares).toBe(10_000);
  }
});

import { expect, test } from 'vitest';
import { desire } from './desire.ts';
import { currentRollout } from './older-rollout.ts';
import type { Rollout, RolloutPlan, RolloutStep } from './rollout.ts';
import { ALL_READY, Driver, ENVIRONMENT, fleet, PLAN } from './rollout-driver.ts';
import { blueGreenSteps } from './strategies/blue-green.ts';
import { canarySteps } from './strategies/canary.ts';
import { rollingSteps } from './strategies/rolling.ts';

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

test('instances that get their first traffic are warming up, whichever step started them', () => {
  const run = new Driver().until('analysing');
  const first = run.rollout.warmingSince;
  expect(first).toBe(run.rollout.trafficSince);
  run.feed({ n: 500, failed: 0 }, { n: 5_000, failed: 0 }).until('starting').until('analysing');
  const second = run.rollout.warmingSince;
  expect(second).toBeGreaterThan(first ?? 0);
  expect(run.rollout.trafficSince).toBe(first);
  run.until('soaking');
  expect(run.rollout.warmingSince).toBeGreaterThan(second ?? 0);
  const steps = PLAN.steps.map((step) => ({ ...step, candidates: 4 }));
  const whole = new Driver({ plan: { ...PLAN, steps } }).until('analysing');
  const since = whole.rollout.warmingSince;
  expect(whole.until('soaking').rollout.warmingSince).toBe(since);
});

test('neither a step nor the soak is over before what it started was warm and judged', () => {
  const plan = { ...PLAN, warmupMs: 3_000 };
  const run = new Driver({ plan }).until('analysing').feed({ n: 500, failed: 0 }, { n: 5_000, failed: 0 });
  run.tick({}, 2_500);
  expect(run.rollout).toMatchObject({ state: 'analysing', step: 0 });
  run.tick({}, 2_000);
  expect(run.rollout).toMatchObject({ step: 1 });
  run.until('soaking').tick({}, 2_500);
  expect(run.rollout.state).toBe('soaking');
  run.tick({}, 2_000);
  expect(run.rollout.state).toBe('done');
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
    desire({ ...ENVIRONMENT, previous: null }, run.rollout).groups.find((group) => group.name === 'stable')
      ?.share,
  ).toBe(10_000);
  run.tick();
  expect(run.rollout).toMatchObject({ state: 'aborted', weight: 0 });
});

test('too few requests: probes decide at the deadline, and the step is marked unjudged', () => {
  const run = new Driver().until('analysing').tick({}, 6_000);
  expect(run.rollout).toMatchObject({ state: 'starting', step: 1, unjudged: true });
  const failing = new Driver()
    .until('analysing')
    .tick({ candidate: fleet(0, { crashed: 0, complaint: 'its probe failed' }) }, 6_000);
  expect(failing.rollout).toMatchObject({ state: 'aborting' });
  expect(failing.rollout.reason).toContain('its probe failed');
});

test('undecided at the deadline follows the policy', () => {
  const undecided = (whenUndecided: 'advance' | 'hold' | 'abort') =>
    new Driver({ plan: { ...PLAN, whenUndecided } })
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

test('where only the baseline does not become ready, it is the baseline that is named', () => {
  const unready = {
    candidate: fleet(4),
    baseline: fleet(0, { crashed: 0, complaint: '/readyz answered 503' }),
  };
  const run = new Driver().until('starting').tick(unready, 11_000);
  expect(run.rollout.reason).toBe('0 of 1 baseline instances became ready in time: /readyz answered 503');
});

test('instances that never become ready end the rollout with their own words', () => {
  const unready = { candidate: fleet(0, { crashed: 0, complaint: '/readyz answered 503' }) };
  const run = new Driver().until('starting').tick(unready, 11_000);
  expect(run.rollout.state).toBe('aborting');
  expect(run.rollout.reason).toContain('/readyz answered 503');
  const first = new Driver({ stable: null }).until('starting').tick(unready, 11_000);
  expect(first.rollout.state).toBe('failed');
});

test('a crash loop aborts while it is watched', () => {
  const run = new Driver()
    .until('analysing')
    .tick({ candidate: fleet(1, { crashed: 3, complaint: 'it exited with code 1' }) });
  expect(run.rollout.state).toBe('aborting');
});

test('harm after the switch brings the former release back', () => {
  const run = new Driver()
    .until('soaking')
    .tick({ candidate: fleet(4, { crashed: 3, complaint: 'out of memory' }) });
  expect(run.rollout.state).toBe('aborting');
  expect(run.effects).toContain('restoreStable');
  expect(() => new Driver().until('soaking').do({ kind: 'abort', reason: '' })).toThrow('roll back instead');
});

test('a candidate whose probes fail once it has traffic goes back, also after the switch', () => {
  const unready = { candidate: fleet(0, { complaint: 'its probe /buy answered 500' }) };
  for (const state of ['analysing', 'soaking']) {
    const run = new Driver({ plan: { ...PLAN, soakMs: 60_000 } })
      .until(state)
      .tick(unready)
      .tick(unready, 4_000);
    expect(run.rollout.state).toBe(state);
    run.tick(unready, 1_000);
    expect(run.rollout).toMatchObject({ state: 'aborting' });
    expect(run.rollout.reason).toMatch(
      /^only 0 of . candidate instances that have traffic are ready: its probe/,
    );
  }
});

test('one instance that fails keeps a release from being done, and ends it when it does not come back', () => {
  const oneShort = { candidate: fleet(3, { complaint: 'it answered 503' }) };
  const run = new Driver().until('soaking').tick(oneShort, 2_000).tick(oneShort, 7_000);
  expect(run.rollout.state).toBe('soaking');
  expect(run.tick().tick({}, 2_000).rollout.state).toBe('done');
  const lasting = new Driver().until('soaking').tick(oneShort).tick(oneShort, 10_000);
  expect(lasting.rollout).toMatchObject({ state: 'aborting' });
});

test('the first release of an environment is not analysed', () => {
  const run = new Driver({ stable: null }).until('done');
  expect(run.effects).not.toContain('analysing');
});

test('a rollback skips analysis, never readiness', () => {
  const run = new Driver({ kind: 'rollback' }).until('starting').tick({ candidate: fleet(3) });
  expect(run.rollout.state).toBe('starting');
  run.until('rolledBack');
  expect(run.effects).toEqual(['starting', 'ready', 'rollingBack', 'makeStable', 'rolledBack']);
});

test('a rollback is not over while the release that it returns to serves nobody', () => {
  const run = new Driver({ kind: 'rollback' }).until('rollingBack');
  run.tick({ candidate: fleet(0) }, PLAN.readinessDeadlineMs + 1);
  expect(run.rollout.state).toBe('rollingBack');
  expect(run.tick({ candidate: fleet(1) }).rollout.state).toBe('rolledBack');
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
    const { groups } = desire(ENVIRONMENT, run.rollout);
    expect(groups.find((group) => group.name === 'stable')?.replicas).toBe(4);
    const shares = groups.reduce((sum, group) => sum + group.share, 0);
    expect(shares).toBe(10_000);
  }
});

const ROLLING_PLAN: RolloutPlan = {
  ...PLAN,
  strategy: 'rolling',
  baseline: 'stable',
  ceiling: 5,
  steps: rollingSteps({ batch: 1, surge: 1, minAvailable: 4, dwellMs: 500 }, 4),
};

test('rolling never has more than the ceiling nor fewer than the promised instances', () => {
  const run = new Driver({ plan: ROLLING_PLAN });
  const seen = new Set<string>();
  while (run.tick().rollout.weight < 10_000) {
    const { groups, ceiling } = desire({ ...ENVIRONMENT, keepHot: false }, run.rollout);
    const of = (name: string) => groups.find((group) => group.name === name)?.replicas ?? 0;
    expect(of('stable') + of('candidate')).toBeLessThanOrEqual(5);
    expect(of('stable') + of('candidate')).toBeGreaterThanOrEqual(4);
    expect(ceiling).toBe(run.rollout.state === 'planned' || ceiling === null ? ceiling : 5);
    seen.add(`${of('stable')}/${of('candidate')} ${run.rollout.weight}`);
  }
  expect([...seen]).toEqual(
    expect.arrayContaining(['4/1 0', '3/1 2500', '3/2 2500', '2/2 5000', '2/3 5000', '1/3 7500', '1/4 7500']),
  );
});

test('a rolling update gives what is left of stable no more than its part while it promotes', () => {
  const steps = rollingSteps({ batch: 5, surge: 1, minAvailable: 6, dwellMs: 500 }, 10);
  const run = new Driver({ plan: { ...ROLLING_PLAN, replicas: 10, ceiling: 11, steps } });
  const whole = { candidate: fleet(10), stable: fleet(10), stableReplicas: 10 };
  for (let ticks = 0; run.rollout.state !== 'promoting' && ticks < 200; ticks += 1) run.tick(whole);
  expect(run.rollout.state).toBe('promoting');
  const { groups } = desire({ ...ENVIRONMENT, replicas: 10 }, run.rollout);
  const stable = groups.find(({ name }) => name === 'stable');
  const serving = Math.round((run.rollout.weight * 10) / 10_000);
  const left = stable?.replicas ?? 0;
  expect(left).toBeGreaterThan(0);
  expect(stable?.share).toBeLessThanOrEqual(Math.ceil((10_000 * left) / (left + serving)));
});

test('an aborted rolling update leaves the candidate what stable cannot carry yet', () => {
  const run = new Driver({ plan: ROLLING_PLAN })
    .until('analysing')
    .tick()
    .do({ kind: 'abort', reason: 'no' });
  const { weight } = run.rollout;
  run.tick({ stable: fleet(3) }).tick({ stable: fleet(3) });
  expect(run.rollout).toMatchObject({ state: 'aborting', weight });
  expect(desire(ENVIRONMENT, run.rollout)).toMatchObject({ ceiling: null });
  run.tick({ stable: fleet(4) });
  expect(run.rollout).toMatchObject({ state: 'aborting', weight: 0 });
  expect(run.tick().rollout.state).toBe('aborted');
});

const BLUE_GREEN: RolloutPlan = {
  ...PLAN,
  strategy: 'blueGreen',
  baseline: 'before',
  preview: 8_081,
  steps: blueGreenSteps({ gate: true, dwellMs: 1_000 }, 4),
  rule: { ...PLAN.rule, method: 'before' },
};

test('blue-green waits at its gate with a preview, switches at once, and goes back at once', () => {
  const run = new Driver({ plan: BLUE_GREEN }).until('held').tick({}, 60_000);
  expect(run.rollout).toMatchObject({ state: 'held', heldFor: 'gate', weight: 0 });
  const waiting = desire(ENVIRONMENT, run.rollout);
  expect(waiting.access.preview).toBe(8_081);
  expect(waiting.groups).toMatchObject([
    { name: 'stable', replicas: 4, share: 10_000 },
    { name: 'candidate', replicas: 4, share: 0 },
    { name: 'previous' },
  ]);
  run.do({ kind: 'advance', full: false }).tick();
  expect(run.rollout).toMatchObject({ state: 'shifting', weight: 10_000 });
  run.until('analysing').do({ kind: 'abort', reason: 'by hand' });
  expect(desire(ENVIRONMENT, run.rollout).groups[0]).toMatchObject({
    name: 'stable',
    replicas: 4,
    share: 10_000,
  });
  expect(run.tick().rollout.state).toBe('aborted');
});

test('what fails more than before the switch goes back, what does not is done', () => {
  const bad = new Driver({ plan: BLUE_GREEN }).until('held').do({ kind: 'advance', full: false });
  bad.until('analysing').feed({ n: 400, failed: 40 }, { n: 9_000, failed: 9 }).tick();
  expect(bad.rollout.state).toBe('aborting');
  const good = new Driver({ plan: BLUE_GREEN }).until('held').do({ kind: 'advance', full: false });
  good.until('analysing').feed({ n: 400, failed: 0 }, { n: 9_000, failed: 9 }).until('done');
  expect(good.effects).toContain('makeStable');
});

test('a freeze and missing approvals wait; a rollback does not ask', () => {
  const plan = { ...PLAN, approvals: 1 };
  const run = new Driver({ plan }).tick();
  expect(run.rollout.state).toBe('awaitingApproval');
  run.tick({ approvals: 1, blocked: 'frozen until Monday: audit' });
  expect(run.rollout).toMatchObject({ state: 'awaitingApproval', reason: 'frozen until Monday: audit' });
  run.tick({ approvals: 1 });
  expect(run.rollout.state).toBe('starting');
  expect(new Driver({ plan }).tick().do({ kind: 'reject', by: 'eve' }).rollout).toMatchObject({
    state: 'aborted',
    reason: 'rejected by eve',
  });
  const back = new Driver({ plan, kind: 'rollback' }).tick({ blocked: 'frozen' });
  expect(back.rollout.state).toBe('starting');
});

/** Twenty replicas of 50 requests/s: 5 % of 1,000 is exactly what one replica carries. */
const TEXTBOOK: RolloutPlan = {
  ...PLAN,
  replicas: 20,
  safeRps: 50,
  baseline: 'stable',
  steps: canarySteps(
    [500, 1_000].map((weight) => ({ weight, dwellMs: 0, replicas: 1, gate: false, mirror: 0, routes: [] })),
    20,
  ),
};

test('a step is held while the replicas cannot carry it, on either side, and goes on by itself', () => {
  const busy = { requestsPerSecond: 1_000, stable: fleet(20), stableReplicas: 20, candidate: fleet(1) };
  const run = new Driver({ plan: TEXTBOOK }).tick(busy).tick(busy).tick(busy);
  expect(run.rollout).toMatchObject({ state: 'shifting', weight: 500 });
  const over = new Driver({ plan: TEXTBOOK });
  // Stable has room to spare; the candidate's one replica does not.
  const more = { ...busy, requestsPerSecond: 1_100, stable: fleet(24) };
  over.tick(more).tick(more).tick(more);
  expect(over.rollout).toMatchObject({ state: 'held', heldFor: 'capacity' });
  expect(over.rollout.reason).toContain(
    'the candidate cannot carry 5% of 1100 requests/s: 55 requests/s on 1',
  );
  expect(over.tick(busy).rollout.state).toBe('shifting');
  const zone = new Driver({ plan: { ...TEXTBOOK, zoneLoss: true } });
  const lost = { ...busy, candidate: fleet(1, { dependable: 0 }) };
  expect(zone.tick(lost).tick(lost).tick(lost).rollout.heldFor).toBe('capacity');
  expect(zone.do({ kind: 'advance', full: false }).rollout.state).toBe('shifting');
});

test('a release with fewer replicas than stable has is held for what they carry, not for what stable does', () => {
  const small = { ...TEXTBOOK, replicas: 4 };
  const seen = { requestsPerSecond: 900, stable: fleet(20), stableReplicas: 20, candidate: fleet(1) };
  const run = new Driver({ plan: small }).tick(seen).tick(seen).tick(seen);
  expect(run.rollout).toMatchObject({ state: 'shifting', weight: 500 });
});

test('the whole traffic is held back, too, while the replicas cannot carry it, until a person says so', () => {
  const fits = { requestsPerSecond: 225, stable: fleet(8), stableReplicas: 8, candidate: fleet(4) };
  const held = () => {
    const run = new Driver({ plan: { ...PLAN, safeRps: 50 } });
    for (let ticks = 0; run.rollout.state !== 'held' && ticks < 400; ticks += 1) run.tick(fits);
    expect(run.rollout).toMatchObject({ state: 'held', heldFor: 'capacity', weight: 5_000 });
    expect(run.rollout.reason).toContain('the candidate cannot carry 100% of 225 requests/s');
    return run;
  };
  const calmer = { ...fits, requestsPerSecond: 190 };
  expect(held().tick(fits).tick(calmer).tick(calmer).rollout).toMatchObject({
    state: 'promoting',
    weight: 10_000,
  });
  for (const full of [false, true])
    expect(held().do({ kind: 'advance', full }).tick(fits).rollout).toMatchObject({ weight: 10_000 });
});

test('harm waits for a person where the environment says so, and a person may let it go on', () => {
  const run = new Driver({ plan: { ...BLUE_GREEN, automatic: false } }).until('held');
  run.do({ kind: 'advance', full: false }).until('analysing');
  run.feed({ n: 400, failed: 40 }, { n: 9_000, failed: 9 }).tick();
  expect(run.rollout).toMatchObject({ state: 'held', heldFor: 'harm' });
  run.do({ kind: 'advance', full: false }).until('done');
});

test('a newer release takes over when the older one has let go, not before', () => {
  const run = new Driver().until('analysing').do({ kind: 'supersede', by: '9' });
  expect(run.rollout).toMatchObject({ state: 'aborting', weight: 0 });
  run.tick({ routers: { ...ALL_READY.routers, acknowledged: false } });
  expect(run.rollout.state).toBe('aborting');
  expect(run.tick().rollout).toMatchObject({ state: 'superseded', reason: 'superseded by release 9' });
  expect(new Driver().until('starting').do({ kind: 'supersede', by: '9' }).rollout.state).toBe('superseded');
});

test('superseded, a rolling update gives back first, and a switch lets go at once', () => {
  const rolling = new Driver({ plan: ROLLING_PLAN }).until('analysing').do({ kind: 'supersede', by: '9' });
  expect(rolling.tick({ stable: fleet(3) }).rollout).toMatchObject({ state: 'aborting', weight: 2_500 });
  rolling.tick({ stable: fleet(4) });
  expect(rolling.tick().rollout.state).toBe('superseded');
  const held = new Driver({ plan: BLUE_GREEN }).until('held').do({ kind: 'supersede', by: '9' });
  expect(held.rollout.state).toBe('superseded');
  const switched = new Driver({ plan: BLUE_GREEN }).until('held').do({ kind: 'advance', full: false });
  switched.until('analysing').do({ kind: 'supersede', by: '9' });
  expect(switched.rollout).toMatchObject({ state: 'aborting', weight: 0 });
  expect(switched.tick().rollout.state).toBe('superseded');
  // What is stable already stays so, and the newer one begins beside it.
  const soaking = new Driver({ plan: BLUE_GREEN }).until('held').do({ kind: 'advance', full: false });
  soaking.until('soaking').do({ kind: 'supersede', by: '9' });
  expect(soaking.rollout).toMatchObject({ state: 'superseded', promoted: true });
});

const CRASHING = { candidate: fleet(4, { crashed: 3, complaint: 'it exited with code 1' }) };

test('held after the switch for its harm, an abort gives stable back what it was', () => {
  const run = new Driver({ plan: { ...PLAN, automatic: false } }).until('soaking').tick(CRASHING);
  expect(run.rollout).toMatchObject({ state: 'held', heldFor: 'harm' });
  run.do({ kind: 'abort', reason: 'by hand' });
  expect(run.effects).toContain('restoreStable');
  expect(run.tick().rollout.state).toBe('aborted');
});

test('a person may let a crashing candidate go on', () => {
  const run = new Driver({ plan: { ...PLAN, automatic: false } }).until('analysing').tick(CRASHING);
  expect(run.rollout.heldFor).toBe('harm');
  run.do({ kind: 'advance', full: true });
  expect(run.tick(CRASHING).rollout.state).toBe('promoting');
});

test('what moves everything at once is watched, too, and marked as not judged', () => {
  const one = {
    ...ROLLING_PLAN,
    replicas: 1,
    ceiling: 2,
    steps: rollingSteps({ batch: 1, surge: 1, minAvailable: 1, dwellMs: 0 }, 1),
  };
  const single = new Driver({ plan: one }).until('soaking');
  expect(single.rollout.unjudged).toBe(true);
  expect(single.tick(CRASHING).rollout.state).toBe('aborting');
  const pushed = new Driver({ plan: BLUE_GREEN })
    .until('held')
    .do({ kind: 'advance', full: true })
    .until('soaking');
  expect(pushed.tick(CRASHING).rollout.state).toBe('aborting');
});

test('an aborted rolling update waits for as many of stable as stable has', () => {
  const run = new Driver({ plan: ROLLING_PLAN }).until('analysing').do({ kind: 'abort', reason: 'no' });
  run.tick({ stable: fleet(4), stableReplicas: 6 });
  expect(run.rollout.weight).toBeGreaterThan(0);
  expect(run.tick({ stable: fleet(6), stableReplicas: 6 }).rollout.weight).toBe(0);
});

test('an aborted rolling update gives stable what it can carry as it comes back', () => {
  const run = new Driver({ plan: ROLLING_PLAN }).until('promoting').do({ kind: 'abort', reason: 'no' });
  expect(run.rollout).toMatchObject({ state: 'aborting', weight: 7_500 });
  const weightWith = (ready: number, ms = 10) => run.tick({ stable: fleet(ready) }, ms).rollout.weight;
  expect([1, 2, 3, 2].map((ready) => weightWith(ready))).toEqual([7_500, 5_000, 2_500, 2_500]);
  expect(weightWith(4)).toBe(0);
});

test('at its deadline an aborted rolling update goes back to what can carry it, and not to nobody unless a newer one waits', () => {
  const aborted = (safeRps: number | null) =>
    new Driver({ plan: { ...ROLLING_PLAN, safeRps } }).until('analysing').do({ kind: 'abort', reason: 'no' });
  const late = ROLLING_PLAN.readinessDeadlineMs + 1;
  expect(aborted(null).tick({ stable: fleet(0) }, late).rollout.weight).toBe(2_500);
  expect(aborted(null).tick({ stable: fleet(1) }, late).rollout.weight).toBe(0);
  const awaited = aborted(null).do({ kind: 'supersede', by: '9' });
  expect(awaited.tick({ stable: fleet(0) }, late).rollout.weight).toBe(0);
  const busy = { stable: fleet(3), requestsPerSecond: 200 };
  expect(aborted(50).tick(busy, late).rollout.weight).toBe(2_500);
  expect(aborted(50).tick({ ...busy, requestsPerSecond: 150 }, late).rollout.weight).toBe(0);
});

test('a larger or smaller stable fleet is shrunk in its own proportion', () => {
  const run = new Driver({ plan: ROLLING_PLAN }).until('starting');
  const large = desire({ ...ENVIRONMENT, replicas: 8, keepHot: false }, run.rollout);
  expect(large.groups[0]).toMatchObject({ name: 'stable', replicas: 8 });
  expect(large.ceiling).toBe(9);
  run.until('analysing');
  expect(desire({ ...ENVIRONMENT, replicas: 8, keepHot: false }, run.rollout).groups[0]?.replicas).toBe(6);
  expect(desire({ ...ENVIRONMENT, replicas: 2, keepHot: false }, run.rollout).groups[0]?.replicas).toBe(2);
});

test('an opened gate still asks whether the replicas carry the step', () => {
  const [first] = TEXTBOOK.steps;
  const plan = { ...TEXTBOOK, steps: [{ ...(first as RolloutStep), gate: true }] };
  const busy = { requestsPerSecond: 1_100, stable: fleet(24), candidate: fleet(1) };
  const run = new Driver({ plan }).tick(busy).tick(busy).tick(busy);
  expect(run.rollout.heldFor).toBe('gate');
  run.do({ kind: 'advance', full: false }).tick(busy);
  expect(run.rollout.heldFor).toBe('capacity');
});

test('harm seen while a batch starts is held without stopping more of stable, and the batch is not skipped', () => {
  const run = new Driver({ plan: { ...ROLLING_PLAN, automatic: false } }).until('analysing');
  while (run.rollout.state !== 'starting') run.tick();
  run.tick({ candidate: fleet(1, { crashed: 3 }) });
  expect(run.rollout).toMatchObject({ state: 'held', heldFor: 'harm', step: 1 });
  expect(desire({ ...ENVIRONMENT, keepHot: false }, run.rollout).groups[0]?.replicas).toBe(3);
  run.do({ kind: 'advance', full: false });
  expect(run.rollout).toMatchObject({ state: 'starting', step: 1 });
});

test('the former fleet stays until the rollout is done, whatever is kept afterwards', () => {
  const run = new Driver().until('soaking');
  const after = { stable: 'r2', previous: 'r1', replicas: 4, previousReplicas: 6, keepHot: false };
  expect(desire(after, run.rollout).groups.map(({ name }) => name)).toEqual(['candidate', 'previous']);
  expect(desire(after, run.rollout).groups[1]).toMatchObject({ release: 'r1', replicas: 6 });
  run.until('done');
  expect(desire(after, run.rollout).groups.map(({ name }) => name)).toEqual(['stable']);
});

test('a rollout that is aborted while it waits starts nothing to abort it', () => {
  for (const paused of [false, true]) {
    const run = new Driver();
    expect(run.rollout.state).toBe('planned');
    if (paused) run.do({ kind: 'pause' });
    run.do({ kind: 'abort', reason: 'not now' });
    expect(run.rollout).toMatchObject({ state: 'aborted', reason: 'not now' });
    expect(desire(ENVIRONMENT, run.rollout).groups.map(({ name }) => name)).toEqual(['stable', 'previous']);
  }
});

test('what a controller of 0.2 dropped is gathered anew', () => {
  const { rollout } = new Driver().until('analysing');
  const { failedUsers: _, metrics: __, ...older } = rollout.evidence;
  const kept = currentRollout({ ...rollout, evidence: older as Rollout['evidence'] });
  expect(kept.evidence.failedUsers).toHaveLength(2_500);
});

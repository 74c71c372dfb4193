import { describe, expect, test } from 'vitest';
import { checkSnapshot } from './invariants.ts';
import { type FleetView, reconcile } from './reconcile.ts';
import { groupOfBucket, SmoothChoice, servable } from './split.ts';
import { type Instance, NO_ACCESS, type RouterWorker, type Snapshot } from './traffic.ts';

const SNAPSHOT: Snapshot = {
  environment: 'shop/production',
  generation: 1,
  revision: 7,
  sticky: { kind: 'none' },
  drainDeadlineMs: 30_000,
  access: NO_ACCESS,
  groups: [],
};

function instance(id: string, over: Partial<Instance> = {}): Instance {
  return {
    id,
    release: 'r1',
    group: 'stable',
    agent: 'host-1',
    host: '127.0.0.1',
    port: 4000,
    desired: 'run',
    state: 'ready',
    reason: null,
    fence: { generation: 1, epoch: 1 },
    createdAt: 0,
    readyAt: 0,
    drainSince: null,
    excludedBy: null,
    ...over,
  };
}

function worker(id: string, revision: number, over: Partial<RouterWorker> = {}): RouterWorker {
  return {
    id,
    router: 'router',
    acknowledged: { generation: 1, revision },
    inFlight: {},
    silenceMs: 0,
    ...over,
  };
}

function view(over: Partial<FleetView>): FleetView {
  return {
    wanted: [],
    access: NO_ACCESS,
    ceiling: null,
    instances: [],
    hosts: [{ agent: 'host-1', zone: 'a', address: '127.0.0.1' }],
    leaving: [],
    workers: [],
    snapshot: SNAPSHOT,
    sticky: { kind: 'none' },
    drainDeadlineMs: 30_000,
    abandonAfterMs: 2_000,
    routerLostMs: 300_000,
    now: 100_000,
    ...over,
  };
}

const kinds = (effects: ReturnType<typeof reconcile>) => effects.map((effect) => effect.kind);

test('missing instances are started, spread over zones first', () => {
  const hosts = [
    { agent: 'a1', zone: 'a', address: '' },
    { agent: 'a2', zone: 'a', address: '' },
    { agent: 'b1', zone: 'b', address: '' },
  ];
  const started = reconcile(
    view({ hosts, wanted: [{ name: 'stable', release: 'r1', replicas: 3, share: 10_000 }] }),
  ).flatMap((effect) => (effect.kind === 'start' ? [effect.agent] : []));
  expect(started).toEqual(['a1', 'b1', 'a2']);
});

test('only ready instances are published, and an empty group gives its share to stable', () => {
  const effects = reconcile(
    view({
      wanted: [
        { name: 'stable', release: 'r1', replicas: 1, share: 9_000 },
        { name: 'candidate', release: 'r2', replicas: 1, share: 1_000 },
      ],
      instances: [instance('s'), instance('c', { release: 'r2', group: 'candidate', state: 'starting' })],
    }),
  );
  const published = effects.find((effect) => effect.kind === 'publish');
  expect(
    published?.kind === 'publish' && published.content.groups.map((group) => [group.name, group.share]),
  ).toEqual([
    ['stable', 10_000],
    ['candidate', 0],
  ]);
});

test('nothing is said when all is as wanted', () => {
  const wanted = [{ name: 'stable' as const, release: 'r1', replicas: 1, share: 10_000 }];
  const first = reconcile(view({ wanted, instances: [instance('s')] }));
  const publish = first.find((effect) => effect.kind === 'publish');
  const snapshot = publish?.kind === 'publish' ? { ...SNAPSHOT, ...publish.content } : SNAPSHOT;
  expect(reconcile(view({ wanted, instances: [instance('s')], snapshot }))).toEqual([]);
});

test('an instance is stopped only when every worker let go of it and nothing is in flight', () => {
  const draining = instance('old', {
    desired: 'drain',
    drainSince: 99_000,
    excludedBy: { generation: 1, revision: 7 },
  });
  const at = (workers: RouterWorker[]) => kinds(reconcile(view({ instances: [draining], workers })));
  expect(at([worker('w1', 7), worker('w2', 6)])).toEqual([]);
  expect(at([worker('w1', 7), worker('w2', 7, { inFlight: { old: 1 } })])).toEqual([]);
  expect(at([worker('w1', 7), worker('w2', 7)])).toEqual(['stop']);
});

test('a mute worker holds up the stop until it is lost; at the drain deadline what is in flight is a loss', () => {
  const draining = instance('old', {
    desired: 'drain',
    drainSince: 60_000,
    excludedBy: { generation: 1, revision: 7 },
  });
  const at = (given: Partial<RouterWorker>, revision: number) =>
    reconcile(view({ instances: [draining], workers: [worker('w', revision, given)] }));
  expect(at({ silenceMs: 31_000, inFlight: { old: 3 } }, 6)).toEqual([]);
  expect(kinds(at({ silenceMs: 301_000 }, 6))).toEqual(['stop']);
  expect(at({ inFlight: { old: 3 } }, 7)[0]).toMatchObject({ kind: 'stop', lost: 3 });
});

test('routers are never told that nothing is there while they know of something', () => {
  const snapshot = {
    ...SNAPSHOT,
    groups: [
      { name: 'stable' as const, release: 'r1', share: 10_000, upstreams: [{ id: 's', host: '', port: 1 }] },
    ],
  };
  const wanted = [{ name: 'stable' as const, release: 'r1', replicas: 1, share: 10_000 }];
  const silent = instance('s', { state: 'unready', agent: 'gone' });
  expect(kinds(reconcile(view({ wanted, snapshot, instances: [silent], hosts: [] })))).toEqual([]);
  expect(kinds(reconcile(view({ wanted, snapshot, instances: [silent] })))).toContain('start');
});

describe('a host that was asked to go', () => {
  const wanted = [{ name: 'stable' as const, release: 'r1', replicas: 2, share: 10_000 }];
  const elsewhere = [{ agent: 'host-2', zone: 'a', address: '127.0.0.2' }];
  const old = [instance('a'), instance('b')];
  const next = (id: string, state: Instance['state']) =>
    instance(id, { agent: 'host-2', state, createdAt: 1 });
  const said = (instances: readonly Instance[], over: Partial<FleetView> = {}) =>
    reconcile(view({ wanted, hosts: elsewhere, leaving: ['host-1'], instances, ...over }));
  const published = (effects: ReturnType<typeof reconcile>) =>
    effects.flatMap((effect) =>
      effect.kind === 'publish'
        ? effect.content.groups.flatMap((group) => group.upstreams.map(({ id }) => id))
        : [],
    );
  const drained = (effects: ReturnType<typeof reconcile>) =>
    effects.flatMap((effect) => (effect.kind === 'drain' ? [effect.instance] : []));

  test('serves while as many are started elsewhere, no more of them', () => {
    const first = said(old);
    expect(first.filter(({ kind }) => kind === 'start')).toHaveLength(2);
    expect(published(first)).toEqual(['a', 'b']);
    const second = said([...old, next('c', 'starting'), next('d', 'starting')]);
    expect(kinds(second)).toEqual(['publish']);
    expect(published(second)).toEqual(['a', 'b']);
  });

  test('lets go of one for each that is ready elsewhere', () => {
    const half = said([...old, next('c', 'ready'), next('d', 'starting')]);
    expect([drained(half), published(half)]).toEqual([['b'], ['a', 'c']]);
    const whole = said([...old, next('c', 'ready'), next('d', 'ready')]);
    expect([drained(whole), published(whole)]).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });

  test('keeps them where nobody else could have them, and takes them back when it may stay', () => {
    expect(kinds(said(old, { hosts: [] }))).toEqual(['publish']);
    const stays = { agent: 'host-1', zone: 'a', address: '127.0.0.1' };
    const back = said([...old, next('c', 'ready')], { hosts: [...elsewhere, stays], leaving: [] });
    expect([drained(back), published(back)]).toEqual([['c'], ['a', 'b']]);
  });

  test('leaves the room of a rollout to the rollout', () => {
    const rolling = [...wanted, { name: 'candidate' as const, release: 'r2', replicas: 1, share: 0 }];
    const started = said([...old, next('c', 'starting')], { wanted: rolling, ceiling: 3 }).flatMap(
      (effect) => (effect.kind === 'start' ? [effect.group] : []),
    );
    expect(started).toEqual(['stable', 'candidate']);
  });

  test('takes nothing from a fresh baseline, and moves what is another group’s by now', () => {
    const fresh = instance('f', { group: 'baseline', agent: 'host-2', createdAt: 2 });
    const judged = [...wanted, { name: 'baseline' as const, release: 'r1', replicas: 1, share: 0 }];
    const warm = [instance('a'), instance('b', { agent: 'host-2' })];
    const effects = said([...warm, fresh], { wanted: judged });
    expect(effects.filter(({ kind }) => kind === 'regroup' || kind === 'drain')).toEqual([]);
    expect(effects.filter(({ kind }) => kind === 'start')).toMatchObject([{ group: 'stable' }]);
    const promoted = [...old, next('c', 'ready'), next('d', 'ready')].map((one) => ({
      ...one,
      group: 'candidate' as const,
    }));
    expect(drained(said(promoted))).toEqual(['a', 'b']);
  });

  test('lets go of what is not ready there, too', () => {
    const sick = said([instance('a', { state: 'unready' }), next('c', 'ready'), next('d', 'ready')]);
    expect(drained(sick)).toEqual(['a']);
  });
});

test('an aborted candidate does not wait for a cut-off router', () => {
  const draining = instance('c', {
    group: 'candidate',
    desired: 'drain',
    drainSince: 97_000,
    excludedBy: { generation: 1, revision: 7 },
  });
  expect(
    kinds(reconcile(view({ instances: [draining], workers: [worker('w', 6, { silenceMs: 2_500 })] }))),
  ).toEqual(['stop']);
  expect(
    kinds(
      reconcile(
        view({
          instances: [{ ...draining, group: 'stable' }],
          workers: [worker('w', 6, { silenceMs: 2_500 })],
        }),
      ),
    ),
  ).toEqual([]);
});

test('a draining instance is first left out of a snapshot', () => {
  const draining = instance('old', { desired: 'drain', drainSince: 99_000 });
  expect(reconcile(view({ instances: [draining] }))).toEqual([
    { kind: 'excluded', instance: 'old', by: { generation: 1, revision: 7 } },
  ]);
  const named = {
    ...SNAPSHOT,
    groups: [
      {
        name: 'stable' as const,
        release: 'r1',
        share: 10_000,
        upstreams: [{ id: 'old', host: '', port: 1 }],
      },
    ],
  };
  expect(kinds(reconcile(view({ instances: [draining], snapshot: named })))).toEqual(['publish']);
});

test('a release that crashes three times within a minute is not started again at once', () => {
  const crashed = [1, 2, 3].map((n) => instance(`x${n}`, { state: 'crashed', createdAt: 99_000 }));
  const wanted = [{ name: 'stable' as const, release: 'r1', replicas: 1, share: 10_000 }];
  expect(kinds(reconcile(view({ wanted, instances: crashed })))).not.toContain('start');
  expect(kinds(reconcile(view({ wanted, instances: crashed, now: 200_000 })))).toContain('start');
});

test('the hot previous release becomes the candidate of a rollback without a start', () => {
  const effects = reconcile(
    view({
      wanted: [
        { name: 'stable', release: 'r2', replicas: 1, share: 0 },
        { name: 'candidate', release: 'r1', replicas: 1, share: 10_000 },
      ],
      instances: [instance('hot', { group: 'previous' }), instance('now', { release: 'r2' })],
    }),
  );
  expect(kinds(effects)).toEqual(['regroup', 'publish']);
});

const GROUPS = (candidate: number, baseline: number) => [
  {
    name: 'stable' as const,
    release: 'a',
    share: 10_000 - candidate - baseline,
    upstreams: [{ id: 's', host: '', port: 1 }],
  },
  { name: 'baseline' as const, release: 'a', share: baseline, upstreams: [{ id: 'b', host: '', port: 1 }] },
  { name: 'candidate' as const, release: 'b', share: candidate, upstreams: [{ id: 'c', host: '', port: 1 }] },
];

test('a growing candidate only ever gains users', () => {
  const chosen = (candidate: number) =>
    Array.from(
      { length: 10_000 },
      (_, bucket) => groupOfBucket(GROUPS(candidate, 500), bucket)?.name === 'candidate',
    );
  const [small, large] = [chosen(500), chosen(2_500)];
  expect(small.filter(Boolean)).toHaveLength(500);
  expect(large.filter(Boolean)).toHaveLength(2_500);
  expect(small.every((is, bucket) => !is || large[bucket])).toBe(true);
});

test('turns follow the shares exactly and smoothly', () => {
  const choice = new SmoothChoice();
  const names = Array.from({ length: 100 }, () => choice.next(GROUPS(1_000, 0))?.name);
  expect(names.filter((name) => name === 'candidate')).toHaveLength(10);
  expect(names.slice(0, 10).filter((name) => name === 'candidate')).toHaveLength(1);
});

test('a share never points at nothing', () => {
  const [stable, baseline, candidate] = GROUPS(5_000, 2_000);
  const content = servable({
    sticky: { kind: 'none' },
    drainDeadlineMs: 0,
    access: NO_ACCESS,
    groups: [
      { ...(stable as never as object), upstreams: [] } as never,
      baseline as never,
      candidate as never,
    ],
  });
  expect(() => checkSnapshot(content)).not.toThrow();
  expect(content.groups.find((group) => group.name === 'stable')?.share).toBe(0);
});

test('a ceiling counts what still drains, and starts fill what is left of it', () => {
  const wanted = [
    { name: 'stable' as const, release: 'r1', replicas: 1, share: 5_000 },
    { name: 'candidate' as const, release: 'r2', replicas: 2, share: 5_000 },
  ];
  const instances = [instance('a'), instance('b', { desired: 'drain' })];
  const started = (ceiling: number | null) =>
    kinds(reconcile(view({ wanted, instances, ceiling }))).filter((kind) => kind === 'start').length;
  expect([started(null), started(4), started(3), started(2)]).toEqual([2, 2, 1, 0]);
  const hot = { name: 'previous' as const, release: 'r0', replicas: 1, share: 0 };
  const beside = [instance('a'), instance('h', { release: 'r0', group: 'previous' })];
  expect(kinds(reconcile(view({ wanted: [...wanted, hot], instances: beside, ceiling: 3 })))).toEqual(
    expect.arrayContaining(['start', 'start']),
  );
});

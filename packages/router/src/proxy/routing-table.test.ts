import { createServer, type RequestListener } from 'node:http';
import { afterEach, expect, test, vi } from 'vitest';
import { call, closeAll, listen, router, snapshotOf, watchedInstance } from './proxy-bench.ts';

afterEach(closeAll);

const BOTH = [{ method: 'GET' }, { method: 'POST', body: 'x' }] as const;

/** A router before an instance that was asked by six at once, and keeps their connections if it does. */
async function busyRouter(answer?: RequestListener) {
  const old = await watchedInstance(answer);
  const { port, table } = await router([old.port]);
  for (const one of BOTH) await Promise.all(Array.from({ length: 6 }, () => call(port, one)));
  return { port, table, old };
}

test('traffic that moves finds connections that stand, for GET and for POST', async () => {
  const { port, table, old } = await busyRouter();
  const next = await watchedInstance();
  const kept = old.seen.standing;
  expect(kept).toBeGreaterThan(2);
  expect(await table.turnTo(snapshotOf([next.port], 2))).toBe(true);
  await vi.waitFor(() => expect(next.seen).toEqual({ given: kept, standing: kept, asked: 0 }));
  for (const one of BOTH) expect(await call(port, one)).toMatchObject({ status: 200 });
  expect(next.seen.given).toBe(kept);
  await vi.waitFor(() => expect(old.seen.standing).toBe(0));
});

test('a candidate without a share gets its connections when it gets one', async () => {
  const { port, table, old } = await busyRouter();
  const next = await watchedInstance();
  const both = (share: number) => {
    const [stable, candidate] = [snapshotOf([old.port]), snapshotOf([next.port], 2)];
    const groups = [
      { ...stable.groups[0], share: 10_000 - share },
      { ...candidate.groups[0], name: 'candidate', share },
    ] as typeof stable.groups;
    return { ...candidate, groups };
  };
  const kept = old.seen.standing;
  await table.turnTo(both(0));
  expect(next.seen.given).toBe(0);
  await table.turnTo(both(10_000));
  await vi.waitFor(() => expect(next.seen).toEqual({ given: kept, standing: kept, asked: 0 }));
  for (const one of BOTH) expect(await call(port, one)).toMatchObject({ status: 200 });
  expect(next.seen.given).toBe(kept);
});

test('an instance gets no more than the one that keeps most, though it takes the traffic of several', async () => {
  const olds = [await watchedInstance(), await watchedInstance(), await watchedInstance()];
  const { port, table } = await router(olds.map((one) => one.port));
  await Promise.all(Array.from({ length: 30 }, () => call(port)));
  const next = await watchedInstance();
  const most = Math.max(...olds.map(({ seen }) => seen.standing));
  await table.turnTo(snapshotOf([next.port], 2));
  await vi.waitFor(() => expect(next.seen.given).toBe(most));
});

test('an address that is none keeps nobody else from being served', async () => {
  const { port, table } = await busyRouter();
  const next = await watchedInstance();
  const snapshot = snapshotOf([next.port, next.port], 2);
  const [stable] = snapshot.groups as [(typeof snapshot.groups)[number]];
  const upstreams = stable.upstreams.map((one, index) => (index === 1 ? { ...one, host: 'a b' } : one));
  expect(await table.turnTo({ ...snapshot, groups: [{ ...stable, upstreams }] })).toBe(true);
  for (let turn = 0; turn < 4; turn += 1) expect(await call(port)).toMatchObject({ status: 200 });
});

test('an instance may have an IPv6 address', async () => {
  const at = await listen(
    createServer((_request, response) => response.end('six')),
    '::1',
  );
  const { port, table } = await busyRouter();
  const snapshot = snapshotOf([at], 2);
  const groups = snapshot.groups.map((group) => ({
    ...group,
    upstreams: group.upstreams.map((one) => ({ ...one, host: '::1' })),
  }));
  await table.turnTo({ ...snapshot, groups });
  expect(await call(port)).toMatchObject({ status: 200, text: 'six' });
});

test('a group without a share gets none ahead, and one with a part gets its part', async () => {
  const { table, old } = await busyRouter();
  const [candidate, spare] = [await watchedInstance(), await watchedInstance()];
  const [stable] = snapshotOf([old.port]).groups;
  const groups = [
    { ...stable, share: 7_500 },
    { ...snapshotOf([candidate.port], 2).groups[0], name: 'candidate', share: 2_500 },
    { ...snapshotOf([spare.port], 3).groups[0], name: 'baseline', share: 0 },
  ] as ReturnType<typeof snapshotOf>['groups'];
  await table.turnTo({ ...snapshotOf([]), groups });
  await vi.waitFor(() => expect(candidate.seen.given).toBeGreaterThan(0));
  expect(candidate.seen.given).toBeLessThan(old.seen.standing);
  expect(spare.seen.given).toBe(0);
});

test('an app that keeps no connection open is given none ahead', async () => {
  const closing: RequestListener = (_request, response) =>
    response.setHeader('connection', 'close').end('bye');
  const { port, table } = await busyRouter(closing);
  const next = await watchedInstance(closing);
  await table.turnTo(snapshotOf([next.port], 2));
  expect(await call(port)).toMatchObject({ status: 200 });
  expect(next.seen).toMatchObject({ given: 1, asked: 1 });
});

test('a newer snapshot waits for no older one, which comes too late then and leaves nothing open', async () => {
  const { port, table } = await busyRouter();
  const [older, newer] = [await watchedInstance(), await watchedInstance(() => {})];
  const turns = [snapshotOf([older.port], 2), snapshotOf([], 3), snapshotOf([newer.port], 2)].map(
    (snapshot) => table.turnTo(snapshot),
  );
  expect(await Promise.race(turns.map((turn, index) => turn.then(() => index)))).toBe(1);
  expect(await Promise.all(turns)).toEqual([false, true, true]);
  expect(table.current?.groups[0]?.upstreams[0]?.port).toBe(newer.port);
  await vi.waitFor(() => expect(older.seen.standing).toBe(0));
  expect(older.seen.asked).toBe(0);
  void call(port).catch(() => {});
  await vi.waitFor(() => expect(newer.seen.asked).toBe(1));
});

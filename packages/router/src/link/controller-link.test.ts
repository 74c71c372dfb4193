import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { sync } from '@holdfast/contract/router/protocol.ts';
import { compareVersion, type Snapshot } from '@holdfast/core/traffic/traffic.ts';
import pino from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { Counter } from '../proxy/counter.ts';
import { closeAll, listen, snapshotOf } from '../proxy/proxy-bench.ts';
import { ControllerLink } from './controller-link.ts';

afterEach(closeAll);

/** A controller that has one snapshot at a time and writes down what was acknowledged. */
async function controllerWith(first: Snapshot) {
  const acknowledged = new Set<number>();
  const controller = { current: first, acknowledged, told: 0 };
  const server = createServer(async (request, response) => {
    const { acknowledged: known } = sync.parse(await json(request));
    acknowledged.add(known.revision);
    const knows = compareVersion(known, controller.current) >= 0;
    if (!knows) controller.told += 1;
    response.end(JSON.stringify({ snapshot: knows ? null : controller.current }));
  });
  return { controller, url: `http://127.0.0.1:${await listen(server)}` };
}

/** A link whose snapshots are applied when the test says so, and as it says. */
function linkTo(url: string, onTry: () => void = () => {}) {
  const applying = new Map<number, PromiseWithResolvers<boolean>>();
  const tried: number[] = [];
  const link = new ControllerLink(
    {
      controllers: [url],
      token: 'hf_test',
      environment: 'shop/production',
      routerId: '00000000-0000-7000-8000-0000000000a0',
      workerId: '00000000-0000-7000-8000-0000000000a1',
      gone: [],
      counter: new Counter(() => Date.now()),
      inFlight: () => ({}),
      apply: ({ revision }) => {
        tried.push(revision);
        onTry();
        const applied = Promise.withResolvers<boolean>();
        applying.set(revision, applied);
        return applied.promise;
      },
      keep: async () => {},
      log: pino({ level: 'silent' }),
    },
    null,
  );
  link.start();
  const end = (revision: number, isNewest: boolean) => applying.get(revision)?.resolve(isNewest);
  const fail = (revision: number) => applying.get(revision)?.reject(new Error('of the test'));
  return { tried, end, fail, link };
}

const soon = { timeout: 10_000 };

test('a snapshot that is told again while it is being applied is applied once, and acknowledged after that', async () => {
  const one = snapshotOf([]);
  const { controller, url } = await controllerWith(one);
  const { tried, end, link } = linkTo(url);
  await vi.waitFor(() => expect(controller.told).toBe(2), soon);
  expect(tried).toEqual([one.revision]);
  expect(controller.acknowledged).toEqual(new Set([0]));
  end(one.revision, true);
  await vi.waitFor(() => expect(controller.acknowledged).toContain(one.revision), soon);
  expect(tried).toEqual([one.revision]);
  await link.stop();
});

test('a newer snapshot is applied beside an older one, which is then never acknowledged', async () => {
  const [older, newer] = [snapshotOf([]), snapshotOf([])];
  const { controller, url } = await controllerWith(older);
  const { tried, end, link } = linkTo(url, () => {
    controller.current = newer;
  });
  await vi.waitFor(() => expect(tried).toEqual([older.revision, newer.revision]), soon);
  end(newer.revision, true);
  end(older.revision, false);
  await vi.waitFor(() => expect(controller.acknowledged).toContain(newer.revision), soon);
  expect(controller.acknowledged).not.toContain(older.revision);
  await link.stop();
});

test('a snapshot that could not be applied is told and tried again', async () => {
  const one = snapshotOf([]);
  const { controller, url } = await controllerWith(one);
  const { tried, end, fail, link } = linkTo(url);
  await vi.waitFor(() => expect(tried).toHaveLength(1), soon);
  fail(one.revision);
  await vi.waitFor(() => expect(tried).toHaveLength(2), soon);
  end(one.revision, true);
  await vi.waitFor(() => expect(controller.acknowledged).toContain(one.revision), soon);
  await link.stop();
});

import { Database } from '@holdfast/postgres/database.ts';
import { type Fate, startDatabaseRelay } from '@holdfast/testkit/database-relay.ts';
import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import pino from 'pino';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { Hints } from './hints.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const SELF_TEST_MS = 10_000;

/** Two replicas, of which one listens by a way of which `fateOf` says what becomes of its n-th listener. */
async function replicas(fateOf: (listener: number) => Fate) {
  const database = await server.database();
  let listeners = 0;
  const relay = await startDatabaseRelay(database, (said) => {
    if (!said.includes('LISTEN holdfast')) return 'pass';
    listeners += 1;
    return fateOf(listeners);
  });
  const warnings: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => void warnings.push(JSON.parse(line).msg) });
  const through = new Database(relay.url);
  const here = new Hints(through, log);
  const there = new Hints(database, log);
  await there.start();
  // The other one's tests of itself are heard here, too, and come too seldom to matter.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  await here.start();
  let heard = 0;
  here.on('jobs', () => {
    heard += 1;
  });
  onTestFinished(async () => {
    vi.useRealTimers();
    await here.stop();
    await there.stop();
    await through.close();
    await relay.stop();
  });
  return {
    warnings,
    listeners: () => listeners,
    /** Whether a hint of the other replica is heard at once. */
    hears: async () => {
      const before = heard;
      const sent = () => {
        there.send('jobs');
        return heard;
      };
      const polled = expect.poll(sent, { timeout: 2_000, interval: 100 }).toBeGreaterThan(before);
      return polled.then(
        () => true,
        () => false,
      );
    },
    selfTest: async (listenersThen: number) => {
      const before = relay.notifications();
      vi.advanceTimersByTime(SELF_TEST_MS);
      await expect.poll(() => listeners, { timeout: 5_000 }).toBe(listenersThen);
      // What it told itself comes back, to whoever hears it.
      await expect.poll(() => relay.notifications(), { timeout: 5_000 }).toBeGreaterThan(before);
    },
  };
}

test('a listener that hears nothing any more is replaced, and the next one hears', async () => {
  const { hears, selfTest, listeners, warnings } = await replicas((listener) =>
    listener === 1 ? 'deafen' : 'pass',
  );
  expect(await hears()).toBe(false);
  await selfTest(1);
  // Not heard: the second look at it makes a new listener.
  await selfTest(2);
  expect(await hears()).toBe(true);
  await selfTest(2);
  await selfTest(2);
  await selfTest(2);
  expect([listeners(), warnings]).toEqual([2, []]);
});

test('where no listener ever hears, as behind a pooler, it is said once, and new ones are not made for ever', async () => {
  const { hears, selfTest, listeners, warnings } = await replicas(() => 'deafen');
  await selfTest(1);
  await selfTest(2);
  await selfTest(3);
  await selfTest(3);
  await selfTest(3);
  expect([listeners(), await hears()]).toEqual([3, false]);
  expect(warnings).toEqual([expect.stringContaining('hints are not heard here')]);
});

import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { BrokenInvariant } from '@holdfast/core/kernel/invariant.ts';
import type { Database } from '@holdfast/postgres/database.ts';
import { claimDuties, ensureDuty, parkedReason, reviveDuties } from '@holdfast/postgres/duty/duty-store.ts';
import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Duties } from './duties.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

/** Two duties of a kind that fails for `poisoned` and works for `sound`, until each had so many turns. */
async function perform(database: Database, failure: () => Error, turns: number) {
  const taken = { poisoned: 0, sound: 0 };
  const duties = new Duties({
    database,
    holder: 'controller-1',
    handlers: {
      watch: async ({ id }) => {
        taken[id as keyof typeof taken] += 1;
        if (id === 'poisoned') throw failure();
        return 0;
      },
    },
    log: pino({ level: 'silent' }),
    ended: () => {},
  });
  for (const id of ['poisoned', 'sound']) await ensureDuty(database, 'watch', id);
  for (let turn = 0; turn < turns; turn += 1) {
    // The wait between two tries is not what is tested.
    await database.query('UPDATE duty SET due_at = clock_timestamp()');
    await duties.look();
    await duties.stop();
  }
  return taken;
}

test('a poisoned duty is parked after five times with its reason, and harms no other', async () => {
  const database = await server.database();
  const taken = await perform(database, () => new BrokenInvariant('a step counts twice'), 8);
  expect(taken).toEqual({ poisoned: 5, sound: 8 });
  expect(await parkedReason(database, 'watch', 'poisoned')).toBe('a step counts twice');
  expect(await parkedReason(database, 'watch', 'sound')).toBeNull();
  // The next controller that starts may know better.
  await reviveDuties(database);
  expect(await perform(database, () => new TypeError('nothing has no name'), 2)).toMatchObject({
    poisoned: 2,
  });
});

test('a duty that ends whoever takes it is parked, and not tried by every controller that starts after that', async () => {
  const database = await server.database();
  await ensureDuty(database, 'watch', 'deadly');
  const room = new Map([['watch', 8]]);
  for (let death = 0; death <= 8; death += 1) {
    const [duty] = await claimDuties(database, `controller-${death}`, { room, leaseMs: 3_000 });
    expect(duty?.deaths).toBe(death);
    await database.query("UPDATE duty SET leased_until = clock_timestamp() - interval '1 second'");
  }
  expect(await perform(database, () => new Error('never'), 1)).toEqual({ poisoned: 1, sound: 1 });
  expect(await parkedReason(database, 'watch', 'deadly')).toContain('died, one after the other');
  await reviveDuties(database);
  expect(await parkedReason(database, 'watch', 'deadly')).not.toBeNull();
  await database.query("UPDATE duty SET written_at = clock_timestamp() - interval '2 hours'");
  await reviveDuties(database);
  expect(await parkedReason(database, 'watch', 'deadly')).toBeNull();
});

test('a controller that is started again under its name is not the one that died', async () => {
  const database = await server.database();
  await ensureDuty(database, 'watch', 'deadly');
  const deaths: number[] = [];
  const { promise: never, resolve: end } = Promise.withResolvers<null>();
  const lives: Duties[] = [];
  for (let life = 0; life < 3; life += 1) {
    const duties = new Duties({
      database,
      holder: 'controller-1',
      handlers: {
        watch: async (duty) => {
          deaths.push(duty.deaths);
          return never;
        },
      },
      log: pino({ level: 'silent' }),
      ended: () => {},
    });
    lives.push(duties);
    await duties.look();
    await database.query(
      "UPDATE duty SET epoch = epoch + 1, leased_until = clock_timestamp() - interval '1 second'",
    );
  }
  end(null);
  for (const duties of lives) await duties.stop();
  expect(deaths).toEqual([0, 1, 2]);
});

test('a death now and then parks nothing', async () => {
  const database = await server.database();
  for (let turn = 0; turn < 12; turn += 1) {
    await perform(database, () => new HoldfastError('databaseUnavailable', 'away'), 1);
    await database.query(
      "UPDATE duty SET leased_until = clock_timestamp() - interval '1 second', holder = 'dead'",
    );
  }
  for (const id of ['poisoned', 'sound']) expect(await parkedReason(database, 'watch', id)).toBeNull();
});

test.each([
  ['an outage', () => new HoldfastError('databaseUnavailable', 'away')],
  ['a full disk', () => Object.assign(new Error('no space'), { code: 'ENOSPC' })],
  ['a network', () => new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') })],
  ['an error of nobody knows what', () => new Error('watched in vain')],
  ['a lock that is not to be had', () => Object.assign(new Error('busy'), { code: '55P03' })],
])('%s never parks a duty', async (_, failure) => {
  const database = await server.database();
  expect(await perform(database, failure, 8)).toEqual({ poisoned: 8, sound: 8 });
  expect(await parkedReason(database, 'watch', 'poisoned')).toBeNull();
});

test('duties of a kind that hang leave those of another their places', async () => {
  const database = await server.database();
  const { promise: answer, resolve } = Promise.withResolvers<null>();
  const begun: string[] = [];
  const handler = (kind: string, work: () => Promise<null>) => {
    return async () => {
      begun.push(kind);
      return work();
    };
  };
  const duties = new Duties({
    database,
    holder: 'controller-1',
    handlers: { poll: handler('poll', () => answer), watch: handler('watch', async () => null) },
    log: pino({ level: 'silent' }),
    ended: () => {},
  });
  for (let each = 0; each < 40; each += 1) await ensureDuty(database, 'poll', `of host ${each}`);
  await ensureDuty(database, 'later version', 'unknown here');
  await duties.look();
  await duties.look();
  await ensureDuty(database, 'watch', 'quick');
  await duties.look();
  resolve(null);
  await duties.stop();
  expect(begun).toEqual([...Array.from({ length: 8 }, () => 'poll'), 'watch']);
});

test('while its handler works, a duty is nobody else’s', async () => {
  const database = await server.database();
  const seen: string[] = [];
  const duties = (holder: string) =>
    new Duties({
      database,
      holder,
      handlers: {
        watch: async () => {
          seen.push(holder);
          // Longer than a lease: it is renewed meanwhile.
          await sleep(4_000);
          return 60_000;
        },
      },
      log: pino({ level: 'silent' }),
      ended: () => {},
    });
  await ensureDuty(database, 'watch', 'slow');
  const [first, second] = [duties('one'), duties('two')];
  await first.look();
  for (let look = 0; look < 38; look += 1) {
    await second.look();
    await sleep(100);
  }
  await first.stop();
  expect(seen).toEqual(['one']);
});

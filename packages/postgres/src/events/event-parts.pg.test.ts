import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../database.ts';
import { keepEventParts } from './event-parts.ts';
import { appendEvent, placeEvents, readEvents } from './event-store.ts';
import { Sequencer } from './sequencer.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const WIDTH = 250_000;
const event = (subject: string) => ({ topic: 'run', subject, kind: 'tested' });
const goTo = (database: Database, position: number) =>
  database.query("SELECT setval('event_position', $1)", [position]);
const subjects = async (database: Database, after = 0) =>
  (await readEvents(database, after, 100)).map(({ subject }) => subject);

async function partsOf(database: Database): Promise<Record<string, string>> {
  const found = await database.query<{ subject: string; part: string }>(
    'SELECT subject, tableoid::regclass::text AS part FROM event',
  );
  return Object.fromEntries(found.rows.map(({ subject, part }) => [subject, part]));
}

/** As if it had happened long ago. */
const age = (database: Database, subject: string) =>
  database.query("UPDATE event SET at = at - interval '40 days' WHERE subject = $1", [subject]);

test('an event lies in no part before it has a place; parts are made ahead, and order goes across them', async () => {
  const database = await server.database();
  expect(await keepEventParts(database, 30)).toEqual([]);
  await appendEvent(database, event('first'));
  expect(await partsOf(database)).toEqual({ first: 'event_rest' });
  await placeEvents(database);
  await goTo(database, WIDTH - 1);
  for (const subject of ['last of its part', 'second part']) await appendEvent(database, event(subject));
  await goTo(database, WIDTH - 2);
  expect(await placeEvents(database)).toMatchObject({ count: 2 });
  await appendEvent(database, event('waits'));
  expect(await partsOf(database)).toEqual({
    first: 'event_before',
    'last of its part': 'event_before',
    'second part': `event_from_${WIDTH}`,
    waits: 'event_rest',
  });
  expect(await subjects(database)).toEqual(['first', 'last of its part', 'second part']);
  expect(await subjects(database, WIDTH - 1)).toEqual(['second part']);
});

test('places that no part was made for in time come to their part with the next sweep', async () => {
  const database = await server.database();
  await goTo(database, 7 * WIDTH + 10);
  await appendEvent(database, event('ahead'));
  await placeEvents(database);
  expect(await partsOf(database)).toEqual({ ahead: 'event_rest' });
  await keepEventParts(database, 30);
  expect(await partsOf(database)).toEqual({ ahead: `event_from_${7 * WIDTH}` });
  expect(await subjects(database)).toEqual(['ahead']);
});

test('a part goes when it is full and its youngest event is old, and not while somebody reads it', async () => {
  const database = await server.database();
  await keepEventParts(database, 30);
  for (const subject of ['old', 'young']) {
    await appendEvent(database, event(subject));
    await placeEvents(database);
  }
  await age(database, 'old');
  await goTo(database, WIDTH);
  expect(await keepEventParts(database, 30)).toEqual([]);
  await age(database, 'young');
  await database.transaction(async (sql) => {
    await readEvents(sql, 0, 1);
    expect(await keepEventParts(database, 30)).toEqual([]);
  });
  expect(await keepEventParts(database, 30)).toEqual(['event_before']);
  // Its sequence did not go with it.
  await appendEvent(database, event('next'));
  await placeEvents(database);
  expect(await subjects(database)).toEqual(['next']);
});

test('the sequencer leaves alone what had its place long ago, and finds what was overlooked', async () => {
  const database = await server.database();
  let now = 1_000_000;
  const sequencer = new Sequencer(() => now);
  await appendEvent(database, event('early'));
  expect(await sequencer.place(database)).toBe(1);
  now += 25_000;
  await appendEvent(database, event('later'));
  expect(await sequencer.place(database)).toBe(1);
  // Below what was settled: no transaction lives that long, but whoever restores rows by hand may.
  await database.query("UPDATE event SET position = NULL WHERE subject = 'early'");
  expect(await sequencer.place(database)).toBe(0);
  now += 10_000;
  expect(await sequencer.place(database)).toBe(1);
  expect(await subjects(database)).toEqual(['later', 'early']);
});

test('an event whose transaction commits after younger ones had their place gets one, too', async () => {
  const database = await server.database();
  let now = 1_000_000;
  const sequencer = new Sequencer(() => now);
  await database.transaction(async (sql) => {
    await appendEvent(sql, event('slow'));
    for (const subject of ['quick', 'quicker']) {
      await appendEvent(database, event(subject));
      expect(await sequencer.place(database)).toBe(1);
      now += 9_000;
    }
  });
  expect(await sequencer.place(database)).toBe(1);
  expect(await subjects(database)).toEqual(['quick', 'quicker', 'slow']);
});

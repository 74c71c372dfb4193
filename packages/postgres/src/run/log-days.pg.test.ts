import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../database.ts';
import { keepLogDays } from './log-days.ts';
import { appendLog, readLog } from './log-store.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const DAY = 86_400_000;
/** As UUIDv7 says its time. */
const idAt = (ms: number) => {
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000001`;
};
const partOf = async (database: Database, id: string) =>
  (
    await database.query<{ part: string }>(
      'SELECT tableoid::regclass::text AS part FROM log_chunk WHERE attempt_id = $1',
      [id],
    )
  ).rows[0]?.part;
const write = (database: Database, id: string) =>
  appendLog(database, { attemptId: id, offset: 0, text: 'hello\n' });

test('days are made ahead, ids of a clock that is ahead come to their day, and old days go as tables', async () => {
  const database = await server.database();
  const [now, late, far] = [Date.now(), Date.now() + 2 * DAY, Date.now() + 400 * DAY].map(idAt) as [
    string,
    string,
    string,
  ];
  for (const id of [now, late, far]) await write(database, id);
  expect(await partOf(database, late)).toBe('log_chunk_rest');
  expect(await keepLogDays(database, 90)).toEqual([]);
  expect(await keepLogDays(database, 90)).toEqual([]);
  expect(await partOf(database, now)).toBe('log_chunk_before');
  expect(await partOf(database, late)).toMatch(/^log_chunk_\d{8}$/);
  expect(await partOf(database, far)).toBe('log_chunk_rest');
  await write(database, late);
  expect((await readLog(database, late, 0)).text).toBe('hello\n');
  // Two days from now everything up to then is old.
  const dropped = await keepLogDays(database, -2);
  expect(dropped).toEqual(['log_chunk_before', expect.stringMatching(/^log_chunk_\d{8}$/)]);
  expect((await readLog(database, now, 0)).text).toBe('');
  expect((await readLog(database, late, 0)).text).toBe('hello\n');
});

test('nobody waits behind the sweep: a day that somebody reads is dropped the next time', async () => {
  const database = await server.database();
  const id = idAt(Date.now());
  await write(database, id);
  let dropped: readonly string[] = ['not asked'];
  await database.transaction(async (sql) => {
    await readLog(sql, id, 0);
    dropped = await keepLogDays(database, -1);
  });
  expect(dropped).toEqual([]);
  expect(await keepLogDays(database, -1)).toEqual(['log_chunk_before']);
});

import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { queuedRun } from '@holdfast/testkit/sample-runs.ts';
import { sqlWorld } from '@holdfast/testkit/sql-world.ts';
import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  doomedBlobs,
  doomUnreferenced,
  forgetCheckpoints,
  keepCheckpoint,
  renewBlob,
  takeDoomed,
} from './blob/blob-index.ts';
import { Database } from './database.ts';
import { claimDuties, ensureDuty, failDuty, holdDuty, releaseDuty } from './duty/duty-store.ts';
import { appendEvent, placeEvents, readEvents } from './events/event-store.ts';
import { isDuplicate } from './failures.ts';
import { takeGeneration } from './generation.ts';
import { migrate } from './migrate.ts';
import { findPrimary, hostUrls } from './primary.ts';
import { lockEnvironment, noteLook, upsertEnvironment } from './rollout/environment-store.ts';
import { attemptsOfJob, startAttempt } from './run/attempt-store.ts';
import { receiveTrigger } from './run/inbox-store.ts';
import { appendLog, readLog } from './run/log-store.ts';
import { insertRepository, removeRepository } from './run/repository-store.ts';
import { beginJobAt } from './run/run-store.ts';

let server: TestServer;
let database: Database;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());
beforeEach(async () => {
  database = await server.database();
});

test('migrating twice changes nothing, and an older code refuses a newer database', async () => {
  await migrate(database);
  await database.query(
    `INSERT INTO schema_version (version, name, min_reader, min_writer) VALUES (99, 'later', 98, 99)`,
  );
  await expect(migrate(database)).rejects.toThrow(HoldfastError);
});

test('a repository that is removed takes its runs, jobs and attempts along', async () => {
  const { run, jobId } = queuedRun();
  const attempt = { jobId, index: 0, name: 'step', agentId: null, epoch: 1 };
  await sqlWorld(database, { jobsPerRepository: 1 }).addRun(run, 'shop');
  await startAttempt(database, { id: newId(), ...attempt });
  expect(await attemptsOfJob(database, jobId)).toHaveLength(1);
  await removeRepository(database, 'shop');
  await startAttempt(database, { id: newId(), ...attempt });
  expect(await attemptsOfJob(database, jobId)).toEqual([]);
});

test('the generation stands while the database is the same and rises when it is another', async () => {
  expect(await takeGeneration(database)).toBe(1);
  expect(await takeGeneration(database)).toBe(1);
  await database.query(`UPDATE generation SET system_identifier = 'another'`);
  expect(await Promise.all([takeGeneration(database), takeGeneration(database)])).toEqual([2, 2]);
  // A controller that has seen more than the database remembers.
  expect(await takeGeneration(database, 7)).toBe(8);
  expect(await takeGeneration(database, 8)).toBe(8);
});

test('after the clock went back a duty is due at once, and is nobody else’s', async () => {
  await ensureDuty(database, 'environment', 'e');
  const [held] = await claimDuties(database, 'one', { room: new Map([['environment', 1]]), leaseMs: 1_000 });
  if (!held) throw new Error('not claimed');
  await releaseDuty(database, held, 1_000);
  expect(await claimDuties(database, 'two', { room: new Map([['environment', 1]]), leaseMs: 1_000 })).toEqual(
    [],
  );
  // As the row looks when the clock is set back by an hour.
  await database.query(
    `UPDATE duty SET due_at = due_at + interval '1 hour', written_at = written_at + interval '1 hour'`,
  );
  expect(
    await claimDuties(database, 'two', { room: new Map([['environment', 1]]), leaseMs: 1_000 }),
  ).toHaveLength(1);
  expect(
    await claimDuties(database, 'three', { room: new Map([['environment', 1]]), leaseMs: 1_000 }),
  ).toEqual([]);
});

test('a pool whose connections are all busy is full, not broken', async () => {
  const small = new Database(database.url, { connections: 1, name: 'small' });
  const busy = small.query('SELECT pg_sleep(6)');
  await expect(small.query('SELECT 1')).rejects.toMatchObject({ code: 'databaseUnavailable' });
  await busy;
  const open = await small.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'small'`,
  );
  expect(open.rows[0]?.count).toBe(1);
  await small.close();
});

test('a server that ends takes its pool with it, and the next statement finds a new connection', async () => {
  const cut = database.query(`SELECT pg_terminate_backend(pg_backend_pid())`);
  await expect(cut).rejects.toMatchObject({ code: 'databaseUnavailable' });
  expect((await database.query<{ one: number }>('SELECT 1 AS one')).rows[0]?.one).toBe(1);
});

test('several hosts: those that refuse, are silent or do not exist are passed over', async () => {
  expect(hostUrls('postgresql://u:p@a:1,b:2/db?target_session_attrs=read-write&x=1')).toEqual([
    'postgresql://u:p@a:1/db?x=1',
    'postgresql://u:p@b:2/db?x=1',
  ]);
  const urls = ['postgresql://u@127.0.0.1:1/db', 'postgresql://u@no-such-host.invalid/db', database.url];
  expect((await findPrimary(urls)).url).toBe(database.url);
  await expect(findPrimary(urls.slice(0, 2))).rejects.toThrow('none of the 2 database hosts takes writes');
});

test('a minute in which nobody looked at an environment is a gap', async () => {
  const { id } = await upsertEnvironment(database, {
    id: newId(),
    app: 'watched',
    name: 'production',
    config: {} as never,
    generation: 1,
  });
  const look = async () => {
    await noteLook(database, id);
    return (await lockEnvironment(database, id))?.watched_since?.getTime() ?? 0;
  };
  const age = (text: string) =>
    database.query('UPDATE environment SET looked_at = looked_at - $2::interval WHERE id = $1', [id, text]);
  const since = await look();
  await age('40 seconds');
  expect(await look()).toBe(since);
  await age('2 minutes');
  expect(await look()).toBeGreaterThan(since);
});

test('a duty is held by one, and who was overtaken saves nothing', async () => {
  await ensureDuty(database, 'environment', 'e');
  const claims = await Promise.all(
    [1, 2, 3].map((n) =>
      claimDuties(database, `c${n}`, { room: new Map([['environment', 5]]), leaseMs: 50 }),
    ),
  );
  expect(claims.flat()).toHaveLength(1);
  const slow = claims.flat()[0];
  if (!slow) throw new Error('unreachable');
  await expect
    .poll(
      async () =>
        (await claimDuties(database, 'other', { room: new Map([['environment', 5]]), leaseMs: 5_000 }))
          .length,
    )
    .toBe(1);
  expect(await holdDuty(database, slow)).toBe(false);
  await releaseDuty(database, slow, 0);
  expect(await claimDuties(database, 'third', { room: new Map([['environment', 5]]), leaseMs: 50 })).toEqual(
    [],
  );
});

test('a duty that is parked is not claimed again', async () => {
  await ensureDuty(database, 'run', 'poisoned');
  const [duty] = await claimDuties(database, 'c', { room: new Map([['run', 1]]), leaseMs: 50 });
  if (!duty) throw new Error('unreachable');
  await failDuty(database, duty, { dueInMs: 0, parked: 'its data is broken' });
  expect(await claimDuties(database, 'c', { room: new Map([['run', 1]]), leaseMs: 50 })).toEqual([]);
});

test('a reader in the order of positions misses no event whose transaction commits late', async () => {
  let commit = () => {};
  const late = database.transaction(async (sql) => {
    await appendEvent(sql, { topic: 'run', subject: 'late', kind: 'x' });
    await new Promise<void>((done) => {
      commit = done;
    });
  });
  await expect
    .poll(
      async () =>
        (await database.query(`SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'`)).rowCount,
    )
    .toBeGreaterThan(0);
  await appendEvent(database, { topic: 'run', subject: 'early', kind: 'x' });
  await placeEvents(database);
  const first = await readEvents(database, 0, 10);
  expect(first.map((event) => event.subject)).toEqual(['early']);
  commit();
  await late;
  await placeEvents(database);
  const second = await readEvents(database, first.at(-1)?.position ?? 0, 10);
  expect(second.map((event) => event.subject)).toEqual(['late']);
});

test('one delivery is one trigger, however often it comes', async () => {
  const repositoryId = newId();
  await insertRepository(database, {
    id: repositoryId,
    name: 'shop',
    url: '/x',
    poll_seconds: 2,
    webhook_secret: Buffer.from('x'),
  });
  const ids = await Promise.all(
    [1, 2, 3].map(() =>
      receiveTrigger(database, { id: newId(), repositoryId, delivery: 'd', kind: 'push', payload: {} }),
    ),
  );
  expect(new Set(ids).size).toBe(1);
  const again = insertRepository(database, {
    id: newId(),
    name: 'shop',
    url: '/y',
    poll_seconds: 2,
    webhook_secret: Buffer.from('x'),
  });
  await expect(again).rejects.toSatisfy((error) => isDuplicate(error));
});

test('a log is read from any offset, sent twice or cut otherwise', async () => {
  const attemptId = newId();
  await appendLog(database, { attemptId, offset: 0, text: 'hello ' });
  await appendLog(database, { attemptId, offset: 6, text: 'wörld\n' });
  await appendLog(database, { attemptId, offset: 0, text: 'hello wö' });
  await appendLog(database, { attemptId, offset: 0, text: 'hel' });
  await appendLog(database, { attemptId, offset: 100, text: 'after a gap' });
  expect(await readLog(database, attemptId, 0)).toEqual({ text: 'hello wörld\n', next: 13 });
  expect((await readLog(database, attemptId, 6)).text).toBe('wörld\n');
});

test('garbage goes in two phases and a renewed blob stays', async () => {
  await renewBlob(database, 'sha256:a', 1);
  await renewBlob(database, 'sha256:b', 1);
  expect(await doomUnreferenced(database, 0)).toBe(2);
  await renewBlob(database, 'sha256:b', 1);
  expect(await doomedBlobs(database, 0)).toEqual(['sha256:a']);
  expect(await takeDoomed(database, 'sha256:b')).toBe(false);
  expect(await takeDoomed(database, 'sha256:a')).toBe(true);
});

test('the checkpoint that a job is begun at stays until the job has ended, though no attempt of it names it', async () => {
  const { run, jobId } = queuedRun(3);
  await sqlWorld(database, { jobsPerRepository: 1 }).addRun(run, 'shop');
  await renewBlob(database, 'sha256:c', 1);
  expect(await keepCheckpoint(database, { name: 'cp', blobs: ['sha256:c'] })).toEqual([]);
  expect(await beginJobAt(database, run.id, { key: 'job', from: 2, checkpoint: 'cp' })).toBe(true);
  await database.query("UPDATE checkpoint SET kept_at = kept_at - interval '2 days'");
  const checkpoints = async () => (await database.query('SELECT name FROM checkpoint')).rowCount;
  await forgetCheckpoints(database);
  expect([await checkpoints(), await doomUnreferenced(database, 0)]).toEqual([1, 0]);
  await database.query('UPDATE job SET ended_at = clock_timestamp() WHERE id = $1', [jobId]);
  await forgetCheckpoints(database);
  expect([await checkpoints(), await doomUnreferenced(database, 0)]).toEqual([0, 1]);
});

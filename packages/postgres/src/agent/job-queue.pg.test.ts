import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '@holdfast/contract/id.ts';
import type { Run } from '@holdfast/core/pipeline/pipeline.ts';
import { queuedRun } from '@holdfast/testkit/sample-runs.ts';
import { sqlWorld } from '@holdfast/testkit/sql-world.ts';
import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** What a claim finds between two readings of the whole queue, when all it goes by is what was known. */
const HINTED_MS = 300;
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

async function queue(jobsPerRepository = 1_000, now?: () => number) {
  const database = await server.database();
  const { store, addRun } = sqlWorld(database, { jobsPerRepository, now });
  const [agentId, sessionId] = [newId(), newId()];
  const described = { labels: ['linux'], zone: '', slots: 9, host: false, address: '' };
  await store.transaction((tx) => tx.greet({ id: agentId, sessionId, name: 'a', ...described }));
  const claim = async () => {
    const leases = await store.transaction((tx) =>
      tx.claim({ agentId, labels: ['linux'], slots: 1, standBackMs: 0 }),
    );
    return leases.map(({ jobId }) => jobId);
  };
  const hinted = async () => {
    await sleep(HINTED_MS);
    store.queueChanged();
    return claim();
  };
  const ends = (jobId: string) => {
    const end = { conclusion: 'succeeded', outputs: {}, reason: null } as const;
    const report = { kind: 'jobFinished', jobId, epoch: 1, ...end } as const;
    return store.applyNews([{ agentId, sessionId, reports: [{ number: 1, report }], logs: [] }]);
  };
  return { database, store, addRun, claim, hinted, ends };
}

test('the first job of a repository is found when somebody says so', async () => {
  const { addRun, claim, hinted } = await queue();
  expect(await claim()).toEqual([]);
  const { run, jobId } = queuedRun();
  await addRun(run, 'new');
  expect(await hinted()).toEqual([jobId]);
});

test('a job that commits after younger ones were claimed is found', async () => {
  const { database, addRun, claim, hinted } = await queue();
  const [late, young, youngest] = [queuedRun(), queuedRun(), queuedRun()];
  await addRun(late.run, 'shop');
  await database.query(`UPDATE job SET state = 'waiting' WHERE id = $1`, [late.jobId]);
  for (const { run } of [young, youngest]) await addRun(run, 'shop');
  expect(await claim()).toEqual([young.jobId]);
  // As if its transaction had taken until now.
  await database.query(`UPDATE job SET state = 'queued' WHERE id = $1`, [late.jobId]);
  expect(await hinted()).toEqual([late.jobId]);
});

/** A repository in which nothing waited at the last look, and a job of five seconds ago that is committed only now. */
async function lateWhereNothingWaited() {
  const clock = { ms: 0 };
  const world = await queue(1_000, () => clock.ms);
  const { database, addRun, claim } = world;
  const [known, late] = [queuedRun(), queuedRun()];
  await addRun(known.run, 'shop');
  expect(await claim()).toEqual([known.jobId]);
  clock.ms += 3_000;
  expect(await claim()).toEqual([]);
  await addRun(late.run, 'shop');
  await database.query(`UPDATE job SET queued_at = queued_at - interval '5 s' WHERE id = $1`, [late.jobId]);
  return { ...world, clock, late: late.jobId };
}

test('where nothing waited a job is found at once, and one that took seconds to commit by the next look', async () => {
  const { addRun, claim, clock, late } = await lateWhereNothingWaited();
  expect(await claim()).toEqual([]);
  const soon = queuedRun();
  await addRun(soon.run, 'shop');
  expect(await claim()).toEqual([soon.jobId]);
  clock.ms += 3_000;
  expect(await claim()).toEqual([late]);
});

test('a hint that comes right after a look is not forgotten', async () => {
  const { store, claim, clock, late } = await lateWhereNothingWaited();
  clock.ms += 100;
  store.queueChanged();
  expect(await claim()).toEqual([]);
  clock.ms += 200;
  expect(await claim()).toEqual([late]);
});

test('a job whose question is answered after an hour is in the queue from now on', async () => {
  const { database, store, addRun, claim, hinted } = await queue();
  const [asking, other] = [queuedRun(), queuedRun()];
  await addRun(asking.run, 'shop');
  await database.query(
    `UPDATE job SET state = 'waiting', asks = 'may it?', queued_at = queued_at - interval '1 hour' WHERE id = $1`,
    [asking.jobId],
  );
  await addRun(other.run, 'shop');
  expect(await claim()).toEqual([other.jobId]);
  await store.transaction(async (tx) => {
    const before = (await tx.loadRun(asking.run.id))?.run as Run;
    const jobs = before.jobs.map((job) => ({ ...job, state: 'queued' as const, asks: null }));
    await tx.saveRun(before, { ...before, jobs });
  });
  expect(await hinted()).toEqual([asking.jobId]);
});

test('a job that ends makes room for the next one of its repository at once, not with the next count', async () => {
  const { addRun, claim, ends } = await queue(1, () => 0);
  const [one, other] = [queuedRun(), queuedRun()];
  await addRun(one.run, 'shop');
  await addRun(other.run, 'shop');
  expect(await claim()).toEqual([one.jobId]);
  expect(await claim()).toEqual([]);
  await ends(one.jobId);
  expect(await claim()).toEqual([other.jobId]);
});

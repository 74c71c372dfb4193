import { readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { APP, config, shipWorkflow, WorkBench } from './work-bench.ts';

let bench: WorkBench;
let port: number;
let folder: string;
const at = { app: 'app', environment: 'production' };

beforeAll(async () => {
  bench = await WorkBench.start();
  port = await freePorts(1);
  await bench.machine.client('setSecret', { params: { name: 'API_KEY' }, body: { value: 'key-one' } });
  folder = await bench.repository(
    'app',
    {
      ...APP,
      '.holdfast/workflows/ship.yml': shipWorkflow,
      'holdfast.yaml': config(port, 'v1'),
    },
    3_600,
  );
  const run = await bench.run('app');
  expect(run.jobs.map((job) => job.reason)).toEqual([null, null]);
  await until('v1 to serve', async () => (await answer()).startsWith('v1'));
});
afterAll(() => bench.stop());

async function answer(): Promise<string> {
  return fetch(`http://127.0.0.1:${port}/`).then(
    (response) => response.text(),
    () => '',
  );
}

function newVisit(): Promise<string> {
  return new Promise((done) => {
    const sent = get({ host: '127.0.0.1', port, agent: false }, (response) => {
      let text = '';
      response.on('data', (part) => (text += part)).on('end', () => done(text));
      response.on('error', () => done(''));
    });
    sent.on('error', () => done(''));
  });
}

async function ship(version: string): Promise<void> {
  bench.write(folder, { 'holdfast.yaml': config(port, version), 'note.txt': version });
  bench.commit(folder, version);
  const run = await bench.run('app');
  expect(run.state).toBe('succeeded');
}

const environment = () => bench.machine.client('showEnvironment', { params: at });
const ended = (id: string) =>
  until('the rollout to end', async () => {
    const rollout = await bench.machine.client('showRollout', { params: { id } });
    return rollout.endedAt ? rollout : null;
  });

test('three releases back and forth: the last one in a second, an older one from cold', async () => {
  for (const version of ['v2', 'v3', 'v4']) await ship(version);
  expect(await answer()).toBe('v4 key-one');
  const { items } = await bench.machine.client('listReleases', { params: at });
  expect(items.map((release) => [release.number, release.returnable])).toEqual([
    [4, 'serving'],
    [3, 'hot'],
    [2, 'cold'],
    [1, 'cold'],
  ]);
  const difference = await bench.machine.client('diffReleases', { params: at, query: { from: 2, to: 4 } });
  expect(difference.commits.map(({ author, subject }) => [author, subject])).toEqual([
    ['Test', 'v4'],
    ['Test', 'v3'],
  ]);
  expect(difference.config).toContainEqual({ path: 'target.env.VERSION', from: 'v2', to: 'v4' });
  const back = await bench.machine.client('diffReleases', { params: at, query: { from: 4, to: 2 } });
  expect([back.commits, back.commitsGone]).toEqual([[], difference.commits]);
  const startedAt = performance.now();
  const { rollout } = await bench.machine.client('rollBack', { params: at, body: {} });
  await until('v3 to serve', async () => (await answer()).startsWith('v3'));
  const seconds = (performance.now() - startedAt) / 1000;
  expect(await ended(rollout)).toMatchObject({ state: 'rolledBack' });
  process.stderr.write(`hot rollback took ${seconds.toFixed(2)} s\n`);
  const cold = await bench.machine.client('rollBack', { params: at, body: { to: 1 } });
  expect(await ended(cold.rollout)).toMatchObject({ state: 'rolledBack' });
  await until('v1 to serve again', async () => (await answer()).startsWith('v1'));
  expect((await environment()).hold).toContain('release 1');
  await expect(bench.machine.client('rollBack', { params: at, body: { to: 99 } })).rejects.toMatchObject({
    code: 'releaseNotRetained',
  });
});

test('automation does not undo a rollback, a person may', async () => {
  const page = await bench.machine.client('listRuns', { query: { repository: 'app' } });
  const again = await bench.machine.client('rerunRun', { params: { id: page.items[0]?.id ?? '' } });
  const run = await bench.runEnded(again.run);
  expect(run.jobs.find((job) => job.key === 'deploy')).toMatchObject({
    state: 'failed',
    reason: expect.stringContaining('rolled back'),
  });
  expect(await answer()).toMatch(/^v1/);
  const { items } = await bench.machine.client('listArtifacts', { query: { name: 'app' } });
  const { rollout } = await bench.machine.client('deploy', {
    params: at,
    body: { artifact: `app@${items[0]?.digest}` },
  });
  expect(await ended(rollout)).toMatchObject({ state: 'done' });
  expect((await environment()).hold).toBeNull();
});

test('an artifact that is missing, or whose bytes changed, is refused before anything starts', async () => {
  await expect(
    bench.machine.client('deploy', { params: at, body: { artifact: `app@sha256:${'0'.repeat(64)}` } }),
  ).rejects.toMatchObject({ code: 'artifactUnknown' });
  const { items } = await bench.machine.client('listArtifacts', { query: { name: 'app' } });
  const digest = items.at(-1)?.digest ?? '';
  const hex = digest.slice(7);
  const file = join(bench.machine.data, 'blobs', 'sha256', hex.slice(0, 2), hex);
  const bytes = readFileSync(file);
  writeFileSync(
    file,
    Buffer.concat([bytes.subarray(0, 600), Buffer.from([(bytes[600] ?? 0) ^ 1]), bytes.subarray(601)]),
  );
  await expect(
    bench.machine.client('deploy', { params: at, body: { artifact: `app@${digest}` } }),
  ).rejects.toMatchObject({ code: 'artifactTampered' });
  expect(await bench.machine.client('verifyArtifact', { params: { name: 'app', digest } })).toMatchObject({
    ok: false,
  });
  writeFileSync(file, bytes);
  expect(await bench.machine.client('verifyArtifact', { params: { name: 'app', digest } })).toMatchObject({
    ok: true,
  });
});

test('another repository that names the app does not take its environment over, and pages of releases lead on', async () => {
  const before = await answer();
  const files = { ...APP, '.holdfast/workflows/ship.yml': shipWorkflow, 'holdfast.yaml': config(port, 'v9') };
  await bench.repository('intruder', files, 3_600);
  const run = await bench.run('intruder');
  expect(run.jobs.find((job) => job.key === 'deploy')).toMatchObject({
    state: 'failed',
    reason: expect.stringContaining('is released from the repository app, and intruder names it, too'),
  });
  expect(await answer()).toBe(before);
  const page = (cursor?: number) =>
    bench.machine.client('listReleases', { params: at, query: { limit: 1, cursor } });
  const first = await page();
  const second = await page(Number(first.next));
  expect(second.items[0]?.number).toBe((first.items[0]?.number ?? 0) - 1);
});

test('a changed secret alone is a release, and the diff names it', async () => {
  const before = (await environment()).stable?.number ?? 0;
  await bench.machine.client('setSecret', { params: { name: 'API_KEY' }, body: { value: 'key-two' } });
  const { items } = await bench.machine.client('listArtifacts', { query: { name: 'app' } });
  const { rollout } = await bench.machine.client('deploy', {
    params: at,
    body: { artifact: `app@${items[0]?.digest}` },
  });
  await ended(rollout);
  await until('the new key to serve', async () => (await answer()).endsWith('key-two'));
  const difference = await bench.machine.client('diffReleases', {
    params: at,
    query: { from: before, to: before + 1 },
  });
  expect(difference.secrets).toEqual([{ name: 'API_KEY', from: 1, to: 2 }]);
});

test('an instance that is killed is replaced', async () => {
  const [instance] = (await environment()).instances.filter((candidate) => candidate.group === 'stable');
  const shim = join(bench.machine.data, 'agent-1', 'instances', instance?.id ?? '', 'shim', 'shim');
  process.kill(-Number(readFileSync(shim, 'utf8').split(' ')[0]), 'SIGKILL');
  await until('another instance to be ready', async () =>
    (await environment()).instances.some(
      (candidate) =>
        candidate.group === 'stable' && candidate.id !== instance?.id && candidate.state === 'ready',
    ),
  );
  // Meanwhile the release before it serves. Both of the router's workers must know, so each visit is a new connection.
  await until('it to serve', async () => {
    const visits = await Promise.all(Array.from({ length: 20 }, () => newVisit()));
    return visits.every((text) => text.endsWith('key-two'));
  });
});

test('the router routes on without any controller, and the database comes back with everything', async () => {
  const postmaster = Number(
    readFileSync(join(bench.machine.data, 'postgres', 'data', 'postmaster.pid'), 'utf8').split('\n')[0],
  );
  bench.machine.kill('controller-1');
  process.kill(postmaster, 'SIGKILL');
  for (let request = 0; request < 20; request += 1) expect(await answer()).toContain('key-two');
  await until(
    'the controller to be back',
    async () => (await fetch(`${bench.machine.addresses[0]}/readyz`).catch(() => null))?.ok,
    30_000,
  );
  expect((await environment()).stable).not.toBeNull();
  const run = await bench.run('app');
  expect(run.state).toBe('succeeded');
});

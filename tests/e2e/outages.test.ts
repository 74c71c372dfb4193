import { execFileSync } from 'node:child_process';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Database } from '@holdfast/postgres/database.ts';
import { SOCKET_PORT, serverUrl } from '@holdfast/postgres/embedded/server.ts';
import { layoutOf } from '@holdfast/supervisor/layout.ts';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { startAgent } from './spare-agent.ts';
import { APP, config, shipWorkflow, WorkBench, workflow } from './work-bench.ts';

/**
 * One test for each row of the table of outages in docs/reliability.md that has none elsewhere: the
 * database and a full disk have theirs in delivery.test.ts and bad-input.test.ts.
 */
const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';
let bench: WorkBench;
beforeAll(async () => {
  bench = await WorkBench.start();
});
afterAll(() => bench.stop());

/** Without the blobs until the work is done. */
async function withoutBlobs<Value>(work: () => Promise<Value>): Promise<Value> {
  const blobs = join(bench.machine.data, 'blobs');
  renameSync(blobs, `${blobs}.away`);
  try {
    return await work();
  } finally {
    renameSync(`${blobs}.away`, blobs);
  }
}

test('the blob store is away: a running job goes on, and says that it has no checkpoint', async () => {
  await bench.repository('noblobs', {
    '.holdfast/workflows/ci.yml': workflow(
      '  a:\n    runs-on: self-hosted\n    steps:\n      - run: sleep 1; echo x > file\n      - run: cat file\n',
    ),
  });
  const run = await bench.begun('noblobs', 0);
  const ended = await withoutBlobs(() => bench.runEnded(run.id));
  expect(ended.state).toBe('succeeded');
  expect(ended.jobs[0]?.steps[0]?.annotations.map((note) => note.message)).toEqual([
    expect.stringMatching(/^no checkpoint after this step: the blob directory .* is not there$/),
  ]);
  expect(existsSync(join(bench.machine.data, 'blobs', 'sha256'))).toBe(true);
});

test('the blob store is away: a checkout and a publication wait for it, and say so', async () => {
  await bench.repository('patient', {
    file: 'x\n',
    '.holdfast/workflows/ci.yml': workflow(
      `  a:
    runs-on: self-hosted
    steps:
      - run: sleep 1.5
        env: { HOLDFAST_CHECKPOINT: never }
      - uses: actions/checkout@v4
        env: { HOLDFAST_CHECKPOINT: never }
      - run: cat file; sleep 1.5
        env: { HOLDFAST_CHECKPOINT: never }
      - uses: holdfast/publish@v1
        with: { name: patient, path: . }
`,
    ),
  });
  const run = await bench.begun('patient', 0);
  const away = (step: number) =>
    withoutBlobs(() =>
      until(`step ${step} to wait`, async () =>
        (await bench.log(run, 'a', step)).includes('Waits and tries again'),
      ),
    );
  await away(1);
  await bench.runsAt(run.id, 2);
  await away(3);
  expect((await bench.runEnded(run.id)).state).toBe('succeeded');
});

test('the blob store is away: a rollback to the hot release and to a cold one needs it not', async () => {
  const port = await freePorts(1);
  const app = await bench.repository('ship', {
    ...APP,
    'holdfast.yaml': config(port, 'v1'),
    '.holdfast/workflows/ci.yml': shipWorkflow,
  });
  await bench.machine.client('setSecret', { params: { name: 'API_KEY' }, body: { value: 'a-long-secret' } });
  const serves = async () =>
    (
      await fetch(`http://127.0.0.1:${port}/`).then(
        (a) => a.text(),
        () => '',
      )
    ).split(' ')[0];
  const shipped = async (version: string) =>
    until(`${version} to serve alone`, async () => {
      const place = { params: { app: 'app', environment: 'production' } };
      const found = await bench.machine.client('showEnvironment', place).catch(() => null);
      const settled = found !== null && (found.rollout === null || found.rollout.endedAt !== null);
      return settled && (await serves()) === version ? found : null;
    });
  expect((await bench.run('ship')).state).toBe('succeeded');
  await shipped('v1');
  for (const version of ['v2', 'v3']) {
    bench.write(app, { 'holdfast.yaml': config(port, version) });
    bench.commit(app, version);
    await shipped(version);
  }
  await withoutBlobs(async () => {
    for (const [to, version] of [
      [2, 'v2'],
      [1, 'v1'],
    ] as const) {
      await bench.machine.client('rollBack', {
        params: { app: 'app', environment: 'production' },
        body: { to },
      });
      await shipped(version);
    }
  });
}, 180_000);

test('the Git host is away: the repository says so, runs that exist go on, and a later push is seen', async () => {
  const files = {
    '.holdfast/workflows/ci.yml': workflow(
      '  a:\n    runs-on: self-hosted\n    steps:\n      - run: sleep 2\n      - run: test -f .holdfast/workflows/ci.yml || ls\n',
    ),
  };
  const folder = await bench.repository('githost', files);
  const run = await bench.begun('githost', 0);
  renameSync(folder, `${folder}.away`);
  const problem = await until('the problem to be told', async () => {
    const { items } = await bench.machine.client('listRepositories');
    return items.find((repository) => repository.name === 'githost')?.problem;
  });
  expect(problem).toMatch(/githost/);
  expect((await bench.runEnded(run.id)).state).toBe('succeeded');
  const { run: again } = await bench.machine.client('rerunRun', { params: { id: run.id } });
  expect((await bench.runEnded(again)).state).toBe('succeeded');
  renameSync(`${folder}.away`, folder);
  const commit = bench.commit(folder, 'after the outage');
  await until('the push to be seen', async () => {
    const { items } = await bench.machine.client('listRuns', { query: { repository: 'githost' } });
    return items.some((seen) => seen.commit === commit);
  });
});

test('the clock of an agent jumps two hours ahead and back: its job goes on, and nothing is lost', async () => {
  if (!existsSync(FAKETIME)) {
    const sentence = `${FAKETIME} is missing: sh tools/setup-optional.sh installs it`;
    if (process.env.CI) throw new Error(sentence);
    return console.warn(`not tested: ${sentence}`);
  }
  const clock = join(bench.root, 'faketime');
  writeFileSync(clock, '+0\n');
  const env = {
    PATH: process.env.PATH ?? '',
    LD_PRELOAD: FAKETIME,
    FAKETIME_TIMESTAMP_FILE: clock,
    FAKETIME_NO_CACHE: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
  const jumping = await startAgent(bench, 'jumping', { env });
  await bench.repository('clock', {
    '.holdfast/workflows/ci.yml': workflow(
      '  a:\n    runs-on: jumping\n    steps:\n      - run: sleep 2\n      - run: sleep 2\n      - run: echo done\n',
    ),
  });
  const run = await bench.begun('clock', 0);
  writeFileSync(clock, '+2h\n');
  await until('the second step', async () => {
    const seen = await bench.machine.client('showRun', { params: { id: run.id } });
    return seen.jobs[0]?.steps[1]?.state === 'running';
  });
  writeFileSync(clock, '-2h\n');
  const ended = await bench.runEnded(run.id);
  jumping.kill();
  await jumping.ended;
  expect(ended.state).toBe('succeeded');
  expect(ended.jobs[0]?.steps.map((step) => step.attempts.length)).toEqual([1, 1, 1]);
  // A program under that clock does see it jump.
  const now = () => Number(execFileSync(process.execPath, ['-p', 'Date.now()'], { env, encoding: 'utf8' }));
  expect(now() - Date.now()).toBeLessThan(-7_000_000);
});

test('DNS is away: each name that is not found is named', async () => {
  const body = { name: 'nodns', url: 'https://no-such-host.invalid/x.git', pollSeconds: 60 };
  await expect(bench.machine.client('addRepository', { body })).rejects.toThrow(/no-such-host\.invalid/);
  const database = new Database('postgresql://holdfast@no-such-host.invalid/holdfast');
  await expect(database.query('SELECT 1')).rejects.toMatchObject({ code: 'databaseUnavailable' });
  await database.close();
});

test('a secret that no controller can read costs its own run, and says so; others go on', async () => {
  await bench.machine.client('setSecret', { params: { name: 'SPOILT' }, body: { value: 'before the fall' } });
  const place = { root: layoutOf(bench.machine.data).postgres, cache: '', owner: {}, port: SOCKET_PORT };
  const database = new Database(serverUrl(place));
  await database.query(`UPDATE secret SET sealed = '\\x00' WHERE name = 'SPOILT'`);
  await database.close();
  const step = (text: string) => `  a:\n    runs-on: self-hosted\n    steps:\n      - run: ${text}\n`;
  for (const [name, text] of Object.entries({
    spoilt: 'echo $' + '{{ secrets.SPOILT }}',
    sound: 'echo here',
  }))
    await bench.repository(name, { '.holdfast/workflows/ci.yml': workflow(step(text)) });
  const spoilt = await bench.startedId('spoilt');
  expect((await bench.run('sound')).state).toBe('succeeded');
  const ended = await bench.runEnded(spoilt);
  expect(ended).toMatchObject({ state: 'failed' });
  expect(ended.jobs[0]?.reason).toContain('the secret SPOILT cannot be read');
}, 60_000);

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import { type S3Process, startS3 } from '@holdfast/testkit/s3-process.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { APP, config, shipWorkflow, WorkBench, workflow } from './work-bench.ts';

/** Artifacts and checkpoints in a real S3-compatible server, which is killed while it is needed and while it is not. */
let folder: string;
let store: S3Process;
let bench: WorkBench;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-objects-'));
  store = await startS3(folder);
  const env = {
    HOLDFAST_S3_ENDPOINT: store.endpoint,
    AWS_ACCESS_KEY_ID: 'S3RVER',
    AWS_SECRET_ACCESS_KEY: 'S3RVER',
    AWS_REGION: 'us-east-1',
  };
  bench = await WorkBench.start(env, 1, 's3://blobs/team');
});
afterAll(async () => {
  // Also where the machine did not come up.
  await bench?.stop();
  await store.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a push is built, kept in the bucket and served; users notice nothing of its death, and a rollback needs it not', async () => {
  const port = await freePorts(1);
  const serves = () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      (answer) => answer.text(),
      () => '',
    );
  await bench.machine.client('setSecret', { params: { name: 'API_KEY' }, body: { value: 'a-long-secret' } });
  const app = await bench.repository('app', {
    ...APP,
    'holdfast.yaml': config(port, 'v1'),
    '.holdfast/workflows/ship.yml': shipWorkflow,
  });
  expect((await bench.run('app')).state).toBe('succeeded');
  bench.write(app, { 'holdfast.yaml': config(port, 'v2') });
  bench.commit(app, 'v2');
  await until('v2 to serve', async () => (await serves()).startsWith('v2'));
  const at = { params: { app: 'app', environment: 'production' } };
  await until('the rollout to end', async () => {
    const { rollout } = await bench.machine.client('showEnvironment', at);
    return rollout === null || rollout.endedAt !== null;
  });
  expect(existsSync(join(bench.machine.data, 'blobs'))).toBe(false);
  await store.stop();
  expect(await serves()).toContain('v2');
  await bench.machine.client('rollBack', { ...at, body: { to: 1 } });
  await until('v1 to serve', async () => (await serves()).startsWith('v1'));
  store = await startS3(folder, store.port);
});

test('a job goes on without it, says that it has no checkpoint, and what needs it waits until it is back', async () => {
  const gone = join(bench.root, 'gone');
  await bench.repository('job', {
    '.holdfast/workflows/ci.yml': workflow(
      `  a:
    runs-on: self-hosted
    steps:
      - run: until [ -e ${gone} ]; do sleep 0.1; done; echo x > file
      - uses: holdfast/publish@v1
        with: { name: job, path: . }
`,
    ),
  });
  const run = await bench.begun('job', 0);
  await store.stop();
  writeFileSync(gone, '');
  await until('the publication to wait', async () =>
    (await bench.log(run, 'a', 1)).includes('Waits and tries again'),
  );
  store = await startS3(folder, store.port);
  const ended = await bench.runEnded(run.id);
  expect(ended.state).toBe('succeeded');
  expect(ended.jobs[0]?.steps[0]?.annotations.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^no checkpoint after this step: /),
  ]);
});

import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@holdfast/contract/api/client.ts';
import { HOLDFAST, type Said } from '@holdfast/testkit/run-holdfast.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { APP, config, shipWorkflow, WorkBench, workflow } from './work-bench.ts';

/** Each line: what was wrong, where, and what to do; the exit code is what surface.md promises. */
let bench: WorkBench;
const holdfast = (...said: Parameters<WorkBench['holdfast']>) => bench.holdfast(...said);

beforeAll(async () => {
  bench = await WorkBench.start();
});
afterAll(() => bench.stop());

const oneJob = '  a:\n    runs-on: self-hosted\n    steps:\n      - run: echo hi\n';

test('workflow files: broken YAML, unknown key, cycle, unknown input', async () => {
  const said = async (name: string, text: string) => {
    await bench.repository(name, { '.holdfast/workflows/ci.yml': text });
    return holdfast(['run', name]);
  };
  expect(await said('bad-yaml', 'on: [push\njobs:')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/ci\.yml:\d+:\d+: broken YAML/),
  });
  expect(await said('bad-key', workflow(oneJob.replace('runs-on', 'runs_on')))).toMatchObject({
    code: 2,
    err: expect.stringMatching(/ci\.yml:10:5: .*runs_on/),
  });
  expect(
    await said(
      'bad-cycle',
      workflow(
        `${oneJob}  b:\n    needs: c\n    runs-on: x\n    steps: [{ run: x }]\n  c:\n    needs: b\n    runs-on: x\n    steps: [{ run: x }]\n`,
      ),
    ),
  ).toMatchObject({ code: 2, err: expect.stringContaining('cycle') });
  await bench.repository('good', { '.holdfast/workflows/ci.yml': workflow(oneJob) });
  expect(await holdfast(['run', 'good', '--input', 'nope=1'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('expected one of who'),
  });
});

test('holdfast.yaml: wrong unit and unknown environment fail the deploy with the place', async () => {
  const [text] = [config(1234, 'v').replace('drain: { deadline: 5s', 'drain: { deadline: 5')];
  await bench.machine.client('setSecret', { params: { name: 'API_KEY' }, body: { value: 'some-key' } });
  await bench.repository('bad-unit', {
    ...APP,
    '.holdfast/workflows/ship.yml': shipWorkflow,
    'holdfast.yaml': text,
  });
  const run = await bench.run('bad-unit');
  expect(run.jobs.at(-1)?.reason).toMatch(
    /^holdfast\.yaml:10:14: environments\.production\.drain\.deadline: expected text with a unit/,
  );
});

test('the command line: usage 2, unknown things 2, wrong token 3, nobody there 4', async () => {
  expect(await holdfast(['runz'])).toMatchObject({ code: 2 });
  expect(await holdfast(['run', 'nowhere'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('holdfast repo list'),
  });
  expect(await holdfast(['runs'], { HOLDFAST_TOKEN: 'hf_wrong' })).toMatchObject({
    code: 3,
    err: expect.stringContaining('holdfast login'),
  });
  expect(await holdfast(['runs'], { HOLDFAST_CONTROLLER: 'http://127.0.0.1:9' })).toMatchObject({
    code: 4,
    err: expect.stringContaining('holdfast up'),
  });
  expect(await holdfast(['deploy', 'app/none', '--artifact', 'x'])).toMatchObject({ code: 2 });
  const failed = await bench.repository('red', {
    '.holdfast/workflows/ci.yml': workflow(oneJob.replace('echo hi', 'exit 9')),
  });
  expect(failed).toContain('red');
  const red = await holdfast(['run', 'red', '--watch', '--json']);
  expect(red.code).toBe(1);
  expect(JSON.parse(red.out)).toMatchObject({ state: 'failed' });
});

test('a token does what its scope says and no more', async () => {
  const { text } = await bench.machine.client('createToken', { body: { name: 'reader', scopes: ['read'] } });
  const reader = createClient({ controllers: bench.machine.addresses, token: text });
  expect((await reader('listRuns')).items).toBeDefined();
  await expect(reader('setVariable', { params: { name: 'X' }, body: { value: '1' } })).rejects.toMatchObject({
    code: 'scopeMissing',
  });
  const agentLane = await fetch(`${bench.machine.addresses[0]}/agent/v1/exchange`, {
    method: 'POST',
    headers: { authorization: `Bearer ${text}`, 'content-type': 'application/json' },
    body: '{}',
  });
  expect(agentLane.status).toBe(403);
});

test('an Idempotency-Key gives one answer, and none to another body', async () => {
  const call = { params: { name: 'K' }, body: { value: 'same' }, idempotencyKey: 'once' };
  const first = await bench.machine.client('setSecret', call);
  expect(await bench.machine.client('setSecret', call)).toEqual(first);
  expect(
    (await bench.machine.client('listSecrets')).items.find((secret) => secret.name === 'K')?.version,
  ).toBe(1);
  await expect(
    bench.machine.client('setSecret', { ...call, body: { value: 'other' } }),
  ).rejects.toMatchObject({ code: 'idempotencyConflict' });
});

test('up: a second one, a taken port, a directory that cannot be written', async () => {
  expect(await holdfast(['up', '--data', bench.machine.data, '--detach'])).toMatchObject({
    code: 3,
    err: expect.stringContaining('holdfast down --data'),
  });
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  expect(
    await holdfast(['up', '--data', join(bench.root, 'other'), '--port', String(port), '--detach']),
  ).toMatchObject({ code: 3, err: expect.stringContaining(`port ${port} is in use`) });
  server.close();
  writeFileSync(join(bench.root, 'file'), '');
  expect(await holdfast(['up', '--data', join(bench.root, 'file', 'below'), '--detach'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('choose another directory'),
  });
});

/** The blob store, as if it had been begun on a disk of this size; the caller unmounts it. */
function onSmallDisk(size: string): string {
  const blobs = join(bench.machine.data, 'blobs');
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', blobs]);
  mkdirSync(join(blobs, 'sha256'));
  return blobs;
}

test('a full disk during publish fails the step with that sentence, and the step can be run again', async () => {
  if (process.getuid?.() !== 0)
    return expect(process.getuid?.(), 'only root can mount the small disk this test needs').not.toBe(0);
  const blobs = onSmallDisk('200k');
  try {
    await bench.repository('big', {
      '.holdfast/workflows/ci.yml': workflow(
        '  a:\n    runs-on: self-hosted\n    steps:\n      - run: mkdir out && head -c 400000 /dev/urandom > out/big\n        env: { HOLDFAST_CHECKPOINT: never }\n      - uses: holdfast/publish@v1\n        with: { name: big, path: out }\n',
      ),
    });
    const run = await bench.run('big').catch((error: Error) => error);
    expect(
      run instanceof Error
        ? run.message
        : (run.jobs[0]?.reason ?? run.jobs[0]?.steps[1]?.attempts.at(-1)?.reason),
    ).toContain('no space left');
  } finally {
    execFileSync('umount', [blobs]);
  }
});

test('a full blob disk costs a step its checkpoint, after the patience for it and not for minutes', async () => {
  if (process.getuid?.() !== 0)
    return expect(process.getuid?.(), 'only root can mount the small disk this test needs').not.toBe(0);
  const blobs = onSmallDisk('4m');
  try {
    const fill =
      '      - run: head -c 9000000 /dev/urandom > big\n        env: { HOLDFAST_CHECKPOINT: always }\n';
    await bench.repository('full', {
      '.holdfast/workflows/ci.yml': workflow(
        `  a:\n    runs-on: self-hosted\n    steps:\n${fill}      - run: echo done\n`,
      ),
    });
    const run = await bench.run('full');
    const attempt = run.jobs[0]?.steps[0]?.attempts[0];
    expect(run.state).toBe('succeeded');
    expect(JSON.stringify(run.jobs[0]?.steps[0])).toContain('no checkpoint after this step');
    // A connection that was answered before its upload was read kept the next one waiting for over a minute.
    const took = Date.parse(attempt?.endedAt ?? '') - Date.parse(attempt?.startedAt ?? '');
    expect(took).toBeLessThan(50_000);
  } finally {
    execFileSync('umount', ['-l', blobs]);
  }
});

test('without its install scripts and on an old Node the launcher says what is missing', async () => {
  const bare = mkdtempSync(join(tmpdir(), 'holdfast-bare-'));
  try {
    mkdirSync(join(bare, 'bin'));
    writeFileSync(join(bare, 'package.json'), '{"type":"module"}');
    writeFileSync(
      join(bare, 'bin', 'holdfast.js'),
      readFileSync(HOLDFAST, 'utf8').replace('process.versions.node.split', "'20.20.2'.split"),
    );
    chmodSync(join(bare, 'bin', 'holdfast.js'), 0o755);
    const said = await new Promise<Said>((done) =>
      execFile(process.execPath, [join(bare, 'bin', 'holdfast.js'), 'runs'], (error, out, err) =>
        done({ code: error ? Number(error.code ?? 1) : 0, out, err }),
      ),
    );
    expect(said).toMatchObject({ code: 2, err: expect.stringContaining('npm rebuild node') });
  } finally {
    rmSync(bare, { recursive: true, force: true });
  }
});

import { createHmac } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { WorkBench, workflow } from './work-bench.ts';

let bench: WorkBench;
beforeAll(async () => {
  bench = await WorkBench.start();
});
afterAll(() => bench.stop());

test('matrix, outputs, env files, composite actions, conditions and secrets, all together', async () => {
  await bench.machine.client('setSecret', { params: { name: 'TOKEN' }, body: { value: 'hunter2-secret' } });
  await bench.machine.client('setVariable', { params: { name: 'GREETING' }, body: { value: 'hello' } });
  await bench.repository('all', {
    '.holdfast/workflows/ci.yml': workflow(
      `  make:
    runs-on: ubuntu-latest
    outputs: { list: "\${{ steps.l.outputs.list }}" }
    env: { SHARED: one }
    steps:
      - uses: actions/checkout@v4
      - id: l
        run: |
          echo 'list=["a","b"]' >> "$GITHUB_OUTPUT"
          echo "NEXT=two" >> "$GITHUB_ENV"
          mkdir -p bin && printf '#!/bin/sh\\necho tool-ran\\n' > bin/tool && chmod +x bin/tool
          echo "$PWD/bin" >> "$GITHUB_PATH"
          echo "### done" >> "$GITHUB_STEP_SUMMARY"
      - name: See it
        run: |
          tool
          echo "$SHARED $NEXT \${{ vars.GREETING }} secret=$IT"
          echo "::add-mask::masked-later"
          echo "now masked-later"
          echo "::warning file=a.js,line=3::careful"
        env: { IT: "\${{ secrets.TOKEN }}" }
      - id: greet
        uses: ./tools/greet
        with: { who: world }
      - run: test "\${{ steps.greet.outputs.said }}" = "hi world"
      - run: exit 3
        continue-on-error: true
      - if: failure()
        run: exit 1
  each:
    needs: make
    strategy:
      matrix: { item: "\${{ fromJSON(needs.make.outputs.list) }}" }
    runs-on: self-hosted
    steps:
      - shell: python
        run: print("item \${{ matrix.item }} by \${{ inputs.who }}")
`,
    ),
    'tools/greet/action.yml': `name: greet
description: says hi
inputs: { who: { required: true, description: whom } }
outputs: { said: { value: "\${{ steps.s.outputs.said }}", description: it } }
runs:
  using: composite
  steps:
    - id: s
      shell: bash
      run: echo "said=hi \${{ inputs.who }}" >> "$GITHUB_OUTPUT"
`,
  });
  const run = await bench.run('all', { who: 'tester' });
  expect(run.state).toBe('succeeded');
  expect(run.jobs.map((job) => job.name)).toEqual(['make', 'each (a)', 'each (b)']);
  const log = await bench.log(run, 'make', 2);
  expect(log).toContain('tool-ran\none two hello secret=***\nnow ***\nwarning: careful');
  expect(log).not.toContain('hunter2');
  const [make] = run.jobs;
  expect(make?.steps[2]?.annotations).toEqual([{ level: 'warning', message: 'careful', place: 'a.js:3' }]);
  expect(make?.steps[1]?.summary).toBe('### done\n');
  expect(make?.steps.map((step) => step.state)).toEqual([
    'succeeded',
    'succeeded',
    'succeeded',
    'succeeded',
    'succeeded',
    'succeeded',
    'skipped',
  ]);
  expect(await bench.log(run, 'each (b)', 0)).toContain('item b by tester');
});

test('a run again begins where it is wanted: at what failed, or at a step of a job', async () => {
  const outside = join(bench.root, 'outside');
  mkdirSync(outside, { mode: 0o777 });
  chmodSync(outside, 0o777);
  // The two agents run steps as different users; either may get each job.
  writeFileSync(join(outside, 'log'), '');
  chmodSync(join(outside, 'log'), 0o666);
  await bench.repository('again', {
    '.holdfast/workflows/ci.yml': workflow(`  build:
    runs-on: self-hosted
    outputs: { version: "\${{ steps.v.outputs.version }}" }
    steps:
      - id: v
        run: echo built >> ${outside}/log; echo version=7 >> "$GITHUB_OUTPUT"
  check:
    needs: build
    runs-on: self-hosted
    steps:
      - run: echo prepared >> ${outside}/log; echo kept > file
        env: { HOLDFAST_CHECKPOINT: always }
      - id: verdict
        run: test -e ${outside}/fine && cat file && echo checked \${{ needs.build.outputs.version }} >> ${outside}/log
  ship:
    needs: check
    runs-on: self-hosted
    steps:
      - run: echo shipped >> ${outside}/log
`),
  });
  const { client } = bench.machine;
  const log = () => readFileSync(join(outside, 'log'), 'utf8').trim().split('\n');
  const first = await bench.run('again');
  expect(first.state).toBe('failed');
  const again = async (id: string, body: { failed?: boolean; from?: { job: string; step?: string } }) =>
    bench.runEnded((await client('rerunRun', { params: { id }, body })).run);
  await expect(again(first.id, { from: { job: 'deploy' } })).rejects.toThrow(
    'there is no job deploy, expected one of build, check, ship',
  );
  writeFileSync(join(outside, 'fine'), '');
  const failed = await again(first.id, { failed: true });
  expect(failed.state).toBe('succeeded');
  expect(failed.jobs.map(({ key, reason }) => [key, reason])).toEqual([
    ['build', `carried over from run ${first.number}`],
    ['check', null],
    ['ship', null],
  ]);
  expect(log()).toEqual(['built', 'prepared', 'prepared', 'checked 7', 'shipped']);
  const stepwise = await again(first.id, { from: { job: 'check', step: 'verdict' } });
  expect(stepwise.state).toBe('succeeded');
  expect(log().slice(5)).toEqual(['checked 7', 'shipped']);
  await expect(again(failed.id, { failed: true })).rejects.toThrow('nothing in it has failed');
});

test('a push becomes one run although a webhook and polling both tell of it', async () => {
  const folder = await bench.repository('hooked', {
    '.holdfast/workflows/ci.yml': workflow(
      '  a:\n    runs-on: self-hosted\n    steps:\n      - run: echo hi\n',
    ),
  });
  const added = await bench.machine.client('addRepository', {
    body: { name: 'hooked-too', url: folder, pollSeconds: 1 },
  });
  await until('both were looked at', async () =>
    (await bench.machine.client('listRepositories')).items.every((item) => item.lastPolledAt),
  );
  const commit = bench.commit(folder, 'second');
  const body = JSON.stringify({ repository: 'hooked-too', ref: 'refs/heads/main', after: commit });
  const post = (signature: string) =>
    fetch(`${bench.machine.addresses[0]}/hooks/generic`, {
      method: 'POST',
      body,
      headers: { 'x-holdfast-signature-256': signature },
    });
  expect((await post('sha256=00')).status).toBe(401);
  const signature = `sha256=${createHmac('sha256', added.webhookSecret).update(body).digest('hex')}`;
  expect((await post(signature)).status).toBe(202);
  expect((await post(signature)).status).toBe(202);
  const runsOf = async (name: string) =>
    (await bench.machine.client('listRuns', { query: { repository: name } })).items;
  await until(
    'the polled repository to run',
    async () => (await runsOf('hooked')).length > 0 && (await runsOf('hooked-too')).length > 0,
  );
  await new Promise((done) => setTimeout(done, 2_500));
  expect((await runsOf('hooked')).length).toBe(1);
  expect((await runsOf('hooked-too')).length).toBe(1);
});

test('a push of a broken workflow is a failed run that says where', async () => {
  const folder = await bench.repository('broken', { 'README.md': 'x' });
  await until(
    'the first look',
    async () =>
      (await bench.machine.client('listRepositories')).items.find((item) => item.name === 'broken')
        ?.lastPolledAt,
  );
  bench.write(folder, {
    '.holdfast/workflows/ci.yml': workflow(
      '  a:\n    runs-on: self-hosted\n    container: node:24\n    steps:\n      - run: echo hi\n',
    ),
  });
  bench.commit(folder, 'break it');
  const run = await until(
    'the broken run',
    async () => (await bench.machine.client('listRuns', { query: { repository: 'broken' } })).items[0],
  );
  expect(run).toMatchObject({
    state: 'failed',
    reason: expect.stringMatching(/^\.holdfast\/workflows\/ci\.yml:11:5: job containers are not supported/),
  });
});

test('cancelling ends the running step and its process group', async () => {
  await bench.repository('long', {
    '.holdfast/workflows/ci.yml': workflow(
      '  a:\n    runs-on: self-hosted\n    steps:\n      - run: sleep 300\n      - if: cancelled()\n        run: echo cleaned\n',
    ),
  });
  const { id } = await bench.begun('long', 0);
  await bench.machine.client('cancelRun', { params: { id }, body: {} });
  const run = await bench.runEnded(id);
  expect(run.state).toBe('cancelled');
  expect(run.jobs[0]?.steps.map((step) => step.state)).toEqual(['cancelled', 'succeeded']);
});

test("killing only the agent's process re-attaches its step, which runs once", async () => {
  await bench.repository('attach', {
    '.holdfast/workflows/ci.yml': workflow(
      '  a:\n    runs-on: self-hosted\n    steps:\n      - run: for n in 1 2 3 4 5 6; do echo "tick $n"; sleep 0.5; done\n      - run: echo after\n',
    ),
  });
  const begun = await bench.begun('attach', 0);
  await new Promise((done) => setTimeout(done, 700));
  bench.machine.kill(begun.jobs[0]?.agent ?? '');
  const run = await bench.runEnded(begun.id);
  expect(run.state).toBe('succeeded');
  expect(run.jobs[0]?.steps.map((step) => step.attempts.length)).toEqual([1, 1]);
  const log = await bench.log(run, 'a', 0);
  expect(log.match(/^tick \d$/gm)).toEqual(['tick 1', 'tick 2', 'tick 3', 'tick 4', 'tick 5', 'tick 6']);
});

test('a step that failed is run again, as often as it says and for what it says', async () => {
  await bench.repository('retries', {
    '.holdfast/workflows/ci.yml': workflow(`  a:
    runs-on: self-hosted
    steps:
      - run: |
          echo again >> tries
          echo "FROM=$(grep -c again tries)" >> "$GITHUB_ENV"
          sleep 300 &
          [ "$(grep -c again tries)" -eq 3 ] || exit 75
        env: { HOLDFAST_RETRY: "exit 75: 2" }
      - run: '[ "$FROM" = 3 ]'
      - run: exit 1
        continue-on-error: true
        env: { HOLDFAST_RETRY: "exit 75: 2, timeout: 1" }
      - run: exit 7
        continue-on-error: true
        env: { HOLDFAST_RETRY: "1" }
`),
  });
  const run = await bench.run('retries');
  const tries = run.jobs[0]?.steps.map((step) =>
    step.attempts.map(({ state, exitCode }) => [state, exitCode]),
  );
  expect(tries).toEqual([
    [
      ['failed', 75],
      ['failed', 75],
      ['succeeded', 0],
    ],
    [['succeeded', 0]],
    [['succeeded', 1]],
    [
      ['failed', 7],
      ['succeeded', 7],
    ],
  ]);
  expect([run.state, run.jobs[0]?.steps.map((step) => step.state)]).toEqual([
    'succeeded',
    ['succeeded', 'succeeded', 'succeeded', 'succeeded'],
  ]);
});

test("killing the agent's process in a second try re-attaches that one, and adds no third", async () => {
  await bench.repository('retry-attach', {
    '.holdfast/workflows/ci.yml': workflow(`  a:
    runs-on: self-hosted
    steps:
      - run: |
          [ -e tried ] || { touch tried; exit 1; }
          for n in 1 2 3 4 5 6; do echo "tick $n"; sleep 0.5; done
        env: { HOLDFAST_RETRY: "1" }
`),
  });
  const begun = await bench.begun('retry-attach', 0);
  const attempts = async () =>
    (await bench.machine.client('showRun', { params: { id: begun.id } })).jobs[0]?.steps[0]?.attempts ?? [];
  await until('the second try', async () => (await attempts()).length === 2);
  await new Promise((done) => setTimeout(done, 1_500));
  bench.machine.kill(begun.jobs[0]?.agent ?? '');
  const run = await bench.runEnded(begun.id);
  expect(run.state).toBe('succeeded');
  expect((await attempts()).map(({ state }) => state)).toEqual(['failed', 'succeeded']);
  const log = await bench.log(run, 'a', 0);
  expect(log.match(/^tick \d$/gm)).toEqual(['tick 1', 'tick 2', 'tick 3', 'tick 4', 'tick 5', 'tick 6']);
});

test('a job that left a process behind is honest about not being portable', async () => {
  await bench.repository('daemon', {
    '.holdfast/workflows/ci.yml': workflow(
      '  a:\n    runs-on: self-hosted\n    steps:\n      - run: sleep 60 >/dev/null 2>&1 &\n      - run: sleep 4\n',
    ),
  });
  const { trigger } = await bench.machine.client('startRun', { body: { repository: 'daemon', inputs: {} } });
  const id = await until(
    'the run',
    async () => (await bench.machine.client('showTrigger', { params: { id: trigger } })).runs[0],
  );
  await until(
    'the second step',
    async () =>
      (await bench.machine.client('showRun', { params: { id } })).jobs[0]?.steps[1]?.state === 'running',
  );
  const { sentence } = await bench.machine.client('why', { params: { id } });
  expect(sentence).toContain('start again from its first step, because a step left a process running');
  await bench.runEnded(id);
  // Nothing is left of the job, also not what its step had left running.
  await expect
    .poll(() => readdirSync(join(bench.machine.data, 'agent-2', 'jobs')), { timeout: 10_000 })
    .toEqual([]);
});

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { loseMachine, SpareAgents } from './spare-agent.ts';
import { stepsOn, type WorkBench, workflow } from './work-bench.ts';

/** Steps that change the machine and not the job's folders, and what becomes of them on the next machine. */
let agents: SpareAgents;
let bench: WorkBench;
beforeAll(async () => {
  agents = await SpareAgents.begin({ lostMs: 8_000 });
  bench = agents.bench;
});
afterAll(() => agents.stop());

test('what a step did to the machine is done again on the next one, once, and counts no second time', async () => {
  const first = await agents.start('tooled');
  const tools = join(bench.root, 'tools');
  await bench.repository('tools-of-machines', {
    '.holdfast/workflows/ci.yml': stepsOn(
      'tooled',
      `      - id: tool
        run: |
          mkdir -p ${tools}/$RUNNER_NAME && echo begun >> ${tools}/$RUNNER_NAME/log && echo "made on $RUNNER_NAME" > ${tools}/$RUNNER_NAME/tool
          echo "TOOL=${tools}/$RUNNER_NAME/tool" >> "$GITHUB_ENV"
          for n in 1 2 3; do echo "tick $n"; [ $RUNNER_NAME = tooled ] || sleep 1; done
        env: { HOLDFAST_ON_RESTORE: rerun, HOLDFAST_CHECKPOINT: always }
      - run: echo kept > file
      - run: '[ $RUNNER_NAME = tooled-2 ] || sleep 300; cat "$TOOL" file'
`,
    ),
  });
  const run = await bench.begun('tools-of-machines', 2);
  const { sentence } = await bench.machine.client('why', { params: { id: run.id } });
  expect(sentence).toContain('go on at step 3 on another agent, after step 1 was done again there');
  await loseMachine(bench, first, run);
  const second = await agents.start('tooled-2', { words: ['--labels', 'tooled'] });
  // Its process is killed in the middle of it; the step goes on and is found again.
  await until('the tool to be made again', async () => existsSync(join(tools, 'tooled-2', 'tool')));
  await bench.runsAt(run.id, 0);
  second.kill();
  await second.ended;
  await agents.start('tooled-2', { words: ['--labels', 'tooled'] });
  const ended = await bench.runEnded(run.id);
  expect(ended.state).toBe('succeeded');
  const [tool, kept, last] = ended.jobs[0]?.steps ?? [];
  expect([tool?.attempts.length, kept?.attempts.length, last?.attempts.length]).toEqual([2, 1, 2]);
  expect(tool?.attempts.map(({ agent, state }) => [agent, state])).toEqual([
    ['tooled', 'succeeded'],
    ['tooled-2', 'succeeded'],
  ]);
  expect(tool?.attempts[1]?.reason).toBe('again for this machine, as HOLDFAST_ON_RESTORE says');
  expect(readFileSync(join(tools, 'tooled-2', 'log'), 'utf8')).toBe('begun\n');
  expect((await bench.log(ended, 'a', 0)).match(/^tick \d$/gm)).toEqual(['tick 1', 'tick 2', 'tick 3']);
  expect(await bench.log(ended, 'a', 2)).toContain('made on tooled-2\nkept\n');
});

test('a machine on which it cannot be done gives the job back, and the step has not failed', async () => {
  const first = await agents.start('bare');
  const tried = join(bench.root, 'tried');
  await bench.repository('bare-machines', {
    '.holdfast/workflows/ci.yml': stepsOn(
      'bare',
      `      - run: '[ $RUNNER_NAME = bare ] || [ -e ${tried} ] || { touch ${tried}; exit 9; }'
        env: { HOLDFAST_ON_RESTORE: rerun, HOLDFAST_CHECKPOINT: always }
      - run: '[ $RUNNER_NAME = bare-2 ] || sleep 300'
`,
    ),
  });
  const run = await bench.begun('bare-machines', 1);
  await loseMachine(bench, first, run);
  await agents.start('bare-2', { words: ['--labels', 'bare'] });
  const ended = await bench.runEnded(run.id);
  expect(ended.state).toBe('succeeded');
  const [tool] = ended.jobs[0]?.steps ?? [];
  expect([tool?.state, tool?.attempts.map(({ state, exitCode }) => [state, exitCode])]).toEqual([
    'succeeded',
    [
      ['succeeded', 0],
      ['failed', 9],
      ['succeeded', 0],
    ],
  ]);
});

test('a run that was cancelled meanwhile only cleans up there', async () => {
  const first = await agents.start('left');
  await bench.repository('left-machines', {
    '.holdfast/workflows/ci.yml': stepsOn(
      'left',
      `      - run: '[ $RUNNER_NAME = left ] || sleep 300'
        env: { HOLDFAST_ON_RESTORE: rerun, HOLDFAST_CHECKPOINT: always }
      - run: sleep 300
      - if: always()
        run: for n in 1 2 3 4; do echo "cleaned $n"; sleep 1; done
`,
    ),
  });
  const run = await bench.begun('left-machines', 1);
  await loseMachine(bench, first, run);
  const second = await agents.start('left-2', { words: ['--labels', 'left'] });
  await bench.runsAt(run.id, 0);
  await bench.machine.client('cancelRun', { params: { id: run.id }, body: {} });
  await until('the clean-up', async () => /^cleaned 1$/m.test(await bench.log(run, 'a', 2)));
  // A restart in the middle of it begins nothing anew: the clean-up is found again.
  second.kill();
  await second.ended;
  await agents.start('left-2', { words: ['--labels', 'left'] });
  const ended = await bench.runEnded(run.id);
  expect(ended.state).toBe('cancelled');
  expect(ended.jobs[0]?.steps.map(({ attempts }) => attempts.map(({ state }) => state))).toEqual([
    ['succeeded', 'cancelled'],
    ['lost', 'skipped'],
    ['succeeded'],
  ]);
  expect((await bench.log(ended, 'a', 2)).match(/^cleaned \d$/gm)).toHaveLength(4);
});

test('a job that goes on elsewhere has what its steps left of its timeout-minutes', async () => {
  const first = await agents.start('timed');
  const limit = { seconds: 18, spent: 8 };
  await bench.repository('timed-jobs', {
    '.holdfast/workflows/ci.yml': workflow(`  a:
    runs-on: timed
    timeout-minutes: ${limit.seconds / 60}
    steps:
      - run: sleep ${limit.spent}
        env: { HOLDFAST_CHECKPOINT: always }
      - run: sleep 300
`),
  });
  const run = await bench.begun('timed-jobs', 1);
  await loseMachine(bench, first, run);
  await agents.start('timed-2', { words: ['--labels', 'timed'] });
  const [job] = (await bench.runEnded(run.id)).jobs;
  expect([job?.state, job?.reason]).toEqual(['failed', 'it took longer than its timeout-minutes']);
  const { startedAt, endedAt } = job?.steps[1]?.attempts.at(-1) ?? {};
  const seconds = (Date.parse(endedAt ?? '') - Date.parse(startedAt ?? '')) / 1_000;
  expect(seconds).toBeGreaterThan(1);
  expect(seconds).toBeLessThan(limit.seconds - limit.spent + 4);
});

test('what cleans up after timeout-minutes is not ended when its agent starts anew', async () => {
  const first = await agents.start('cleaner');
  await bench.repository('late-jobs', {
    '.holdfast/workflows/ci.yml': workflow(`  a:
    runs-on: cleaner
    timeout-minutes: 0.05
    steps:
      - run: sleep 300
      - if: always()
        run: sleep 5; echo cleaned up
`),
  });
  const run = await bench.begun('late-jobs', 1);
  first.kill();
  await first.ended;
  await agents.start('cleaner');
  const ended = await bench.runEnded(run.id);
  expect(ended.jobs[0]).toMatchObject({ state: 'failed', reason: 'it took longer than its timeout-minutes' });
  expect(ended.jobs[0]?.steps.map(({ state }) => state)).toEqual(['cancelled', 'succeeded']);
  expect(await bench.log(ended, 'a', 1)).toContain('cleaned up');
});

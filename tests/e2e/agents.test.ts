import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunView } from '@holdfast/contract/api/resources.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { type SpareAgent, startAgent } from './spare-agent.ts';
import { WorkBench, workflow } from './work-bench.ts';

/** What people can do with agents, and what a step may say about its own loss. */
let bench: WorkBench;
const spare: SpareAgent[] = [];
beforeAll(async () => {
  bench = await WorkBench.start({ HOLDFAST_AGENT_SUSPECT_MS: '2000', HOLDFAST_AGENT_LOST_MS: '4000' });
});
afterAll(async () => {
  for (const agent of spare) agent.kill();
  await Promise.all(spare.map((agent) => agent.ended));
  await bench.stop();
});

async function agent(name: string, words: readonly string[] = []): Promise<SpareAgent> {
  const started = await startAgent(bench, name, { words });
  spare.push(started);
  await until(`${name} to be online`, async () => (await stateOf(name)) === 'online');
  return started;
}

async function stateOf(name: string): Promise<string | undefined> {
  const { items } = await bench.machine.client('listAgents');
  return items.find((candidate) => candidate.name === name)?.state;
}

const steps = (label: string, lines: string) => workflow(`  a:\n    runs-on: ${label}\n    steps:\n${lines}`);

/** Everything that a machine runs for the job is gone at once. */
async function loseMachine(name: string, run: RunView, agentOf: SpareAgent): Promise<void> {
  const folder = join(bench.root, name, 'jobs', run.jobs[0]?.id ?? '', 'steps');
  // The step is reported a moment before its shim has written who it is.
  await until('the shim', async () => existsSync(join(folder, '1', 'shim')));
  agentOf.kill();
  for (const step of readdirSync(folder).filter((entry) => /^\d+$/.test(entry))) {
    const [pid] = readFileSync(join(folder, step, 'shim'), 'utf8').split(' ');
    try {
      process.kill(-Number(pid), 'SIGKILL');
    } catch {
      // It had ended.
    }
  }
}

test('a paused agent takes nothing new until it is resumed', async () => {
  await agent('pausing');
  await bench.repository('pause', {
    '.holdfast/workflows/ci.yml': steps('pausing', '      - run: echo done\n'),
  });
  const tell = (verb: 'pause' | 'resume') =>
    bench.machine.client('pauseAgent', { params: { id: 'pausing', verb } });
  await tell('pause');
  await until('it to be paused', async () => (await stateOf('pausing')) === 'paused');
  const id = await bench.startedId('pause');
  await new Promise((pause) => setTimeout(pause, 1_500));
  const waiting = await bench.machine.client('showRun', { params: { id } });
  expect(waiting.jobs[0]?.state).toBe('queued');
  await tell('resume');
  expect((await bench.runEnded(id)).state).toBe('succeeded');
});

test('a drained agent finishes what it has and leaves', async () => {
  const drained = await agent('drained');
  await bench.repository('drain', {
    '.holdfast/workflows/ci.yml': steps('drained', '      - run: sleep 1.5\n      - run: echo done\n'),
  });
  const run = await bench.begun('drain', 0);
  await bench.machine.client('pauseAgent', { params: { id: 'drained', verb: 'drain' } });
  expect((await bench.runEnded(run.id)).state).toBe('succeeded');
  expect(await drained.ended).toBe(0);
  await until('it to be offline', async () => (await stateOf('drained')) === 'offline');
});

test('an agent that is replaced leaves its step to the next process, which ends it once', async () => {
  const before = await agent('replaced');
  await bench.repository('replace', {
    '.holdfast/workflows/ci.yml': steps(
      'replaced',
      '      - run: for i in 1 2 3 4; do echo tick $i; sleep 1; done\n        env: { HOLDFAST_ON_LOST: fail }\n      - run: echo after\n',
    ),
  });
  const run = await bench.begun('replace', 0);
  // Before its shim has it, the step is in flight on nobody's word, and ends as HOLDFAST_ON_LOST says.
  await until('the step to speak', async () => (await bench.log(run, 'a', 0)).includes('tick 1'));
  before.child.kill('SIGTERM');
  expect(await before.ended).toBe(0);
  await agent('replaced');
  const ended = await bench.runEnded(run.id);
  expect(ended.state).toBe('succeeded');
  expect(ended.jobs[0]?.steps[0]?.attempts).toHaveLength(1);
  expect((await bench.log(ended, 'a', 0)).match(/^tick/gm)).toHaveLength(4);
});

test('an ephemeral agent does one job and leaves', async () => {
  const once = await agent('once', ['--ephemeral']);
  await bench.repository('ephemeral', {
    '.holdfast/workflows/ci.yml': steps('once', '      - run: echo hello\n'),
  });
  expect((await bench.run('ephemeral')).state).toBe('succeeded');
  expect(await once.ended).toBe(0);
});

test('a step that asks waits for a person, who may say yes', async () => {
  const first = await agent('asker');
  await bench.repository('ask', {
    '.holdfast/workflows/ci.yml': steps(
      'asker',
      '      - run: echo before\n      - run: sleep 3\n        env: { HOLDFAST_ON_LOST: ask }\n      - run: echo after\n',
    ),
  });
  const run = await bench.begun('ask', 1);
  await loseMachine('asker', run, first);
  const job = await until('the question', async () => {
    const seen = await bench.machine.client('showRun', { params: { id: run.id } });
    return seen.jobs[0]?.asks ? seen.jobs[0] : null;
  });
  expect(job).toMatchObject({
    state: 'waiting',
    asks: expect.stringContaining('may have done its work already'),
  });
  const { sentence } = await bench.machine.client('why', { params: { id: run.id } });
  expect(sentence).toContain(`holdfast approve ${job.id}`);
  const other = await startAgent(bench, 'asker-2', { words: ['--labels', 'asker'] });
  spare.push(other);
  await bench.machine.client('answerJob', { params: { id: job.id, answer: 'approve' } });
  const ended = await bench.runEnded(run.id);
  expect(ended.state).toBe('succeeded');
  expect(ended.jobs[0]?.steps.map((step) => step.attempts.length)).toEqual([1, 2, 1]);
  const again = bench.machine.client('answerJob', { params: { id: job.id, answer: 'approve' } });
  await expect(again).rejects.toThrow(/already/);
});

test('a host that comes back within the lost period runs its step again, and the run does not fail', async () => {
  const first = await agent('rebooted');
  await bench.repository('reboot', {
    '.holdfast/workflows/ci.yml': steps('rebooted', '      - run: echo one\n      - run: sleep 2\n'),
  });
  const run = await bench.begun('reboot', 1);
  await loseMachine('rebooted', run, first);
  await first.ended;
  const back = await startAgent(bench, 'rebooted');
  spare.push(back);
  const ended = await bench.runEnded(run.id);
  expect(ended.state).toBe('succeeded');
  expect(ended.jobs[0]?.steps.map((step) => step.attempts.length)).toEqual([1, 2]);
  expect(ended.jobs[0]?.steps[1]?.attempts[0]).toMatchObject({ state: 'lost' });
});

test('what a step did to the machine is done again on the next one, once, and counts no second time', async () => {
  const first = await agent('tooled');
  const tools = join(bench.root, 'tools');
  await bench.repository('tools-of-machines', {
    '.holdfast/workflows/ci.yml': steps(
      'tooled',
      `      - id: tool
        run: |
          mkdir -p ${tools}/$RUNNER_NAME && echo "made on $RUNNER_NAME" > ${tools}/$RUNNER_NAME/tool
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
  expect(sentence).toContain('go on at step 3 on another agent, after it did step 1 again there');
  await loseMachine('tooled', run, first);
  const second = await startAgent(bench, 'tooled-2', { words: ['--labels', 'tooled'] });
  spare.push(second);
  // Its process is killed in the middle of it; the step goes on and is found again.
  await until('the tool to be made again', async () => (await bench.log(run, 'a', 0)).includes('tick 1'));
  await bench.runsAt(run.id, 0);
  second.kill();
  await second.ended;
  spare.push(await startAgent(bench, 'tooled-2', { words: ['--labels', 'tooled'] }));
  const ended = await bench.runEnded(run.id);
  expect(ended.state).toBe('succeeded');
  const [tool, kept, last] = ended.jobs[0]?.steps ?? [];
  expect([tool?.attempts.length, kept?.attempts.length, last?.attempts.length]).toEqual([2, 1, 2]);
  expect(tool?.attempts.map(({ agent, state }) => [agent, state])).toEqual([
    ['tooled', 'succeeded'],
    ['tooled-2', 'succeeded'],
  ]);
  expect(tool?.attempts[1]?.reason).toBe('done again on this machine, as HOLDFAST_ON_RESTORE says');
  expect((await bench.log(ended, 'a', 0)).match(/^tick \d$/gm)).toEqual(['tick 1', 'tick 2', 'tick 3']);
  expect(await bench.log(ended, 'a', 2)).toContain('made on tooled-2\nkept\n');
});

test('a machine on which it cannot be done gives the job back, and the step has not failed', async () => {
  const first = await agent('bare');
  const tried = join(bench.root, 'tried');
  await bench.repository('bare-machines', {
    '.holdfast/workflows/ci.yml': steps(
      'bare',
      `      - run: '[ $RUNNER_NAME = bare ] || [ -e ${tried} ] || { touch ${tried}; exit 9; }'
        env: { HOLDFAST_ON_RESTORE: rerun, HOLDFAST_CHECKPOINT: always }
      - run: '[ $RUNNER_NAME = bare-2 ] || sleep 300'
`,
    ),
  });
  const run = await bench.begun('bare-machines', 1);
  await loseMachine('bare', run, first);
  spare.push(await startAgent(bench, 'bare-2', { words: ['--labels', 'bare'] }));
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

test('an agent whose disk is nearly full takes nothing new and says so', async () => {
  const full = await startAgent(bench, 'nearly-full', { env: { HOLDFAST_AGENT_DISK_FLOOR: '8000TiB' } });
  spare.push(full);
  await until('it to be online', async () => (await stateOf('nearly-full')) === 'online');
  await bench.repository('disk', {
    '.holdfast/workflows/ci.yml': steps('nearly-full', '      - run: echo one\n'),
  });
  const id = await bench.startedId('disk');
  await until('the sentence', async () => {
    const { sentence } = await bench.machine.client('why', { params: { id } });
    return /agent nearly-full holds back, because the disk of \S+ has .+ free/.test(sentence);
  });
  const { items } = await bench.machine.client('listAdvice');
  expect(items).toContainEqual({
    subject: 'agent nearly-full',
    sentence: expect.stringContaining('below its floor of 8000 TiB'),
  });
  const roomy = await startAgent(bench, 'roomy', { words: ['--labels', 'nearly-full'] });
  spare.push(roomy);
  expect((await bench.runEnded(id)).state).toBe('succeeded');
});

test('an agent that hangs up without a word gets nothing new, long before it is missed', async () => {
  const patient = await WorkBench.start({
    HOLDFAST_AGENT_SUSPECT_MS: '600000',
    HOLDFAST_AGENT_LOST_MS: '900000',
  });
  try {
    const gone = await startAgent(patient, 'hung-up');
    const stateNow = async () => {
      const { items } = await patient.machine.client('listAgents');
      return items.find((candidate) => candidate.name === 'hung-up')?.state;
    };
    await until('it to be online', async () => (await stateNow()) === 'online');
    gone.kill();
    await gone.ended;
    await until('it to be suspected', async () => (await stateNow()) === 'suspect');
  } finally {
    await patient.stop();
  }
});

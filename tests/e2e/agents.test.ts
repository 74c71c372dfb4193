import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { loseMachine, SpareAgents, startAgent } from './spare-agent.ts';
import { stepsOn, WorkBench } from './work-bench.ts';

/** What people can do with agents, and what a step may say about its own loss. */
let agents: SpareAgents;
let bench: WorkBench;
beforeAll(async () => {
  agents = await SpareAgents.begin({ lostMs: 6_000 });
  bench = agents.bench;
});
afterAll(() => agents.stop());

test('a paused agent takes nothing new until it is resumed', async () => {
  await agents.start('pausing');
  await bench.repository('pause', {
    '.holdfast/workflows/ci.yml': stepsOn('pausing', '      - run: echo done\n'),
  });
  const tell = (verb: 'pause' | 'resume') =>
    bench.machine.client('pauseAgent', { params: { id: 'pausing', verb } });
  await tell('pause');
  await until('it to be paused', async () => (await agents.stateOf('pausing')) === 'paused');
  const id = await bench.startedId('pause');
  await new Promise((pause) => setTimeout(pause, 1_500));
  const waiting = await bench.machine.client('showRun', { params: { id } });
  expect(waiting.jobs[0]?.state).toBe('queued');
  await tell('resume');
  expect((await bench.runEnded(id)).state).toBe('succeeded');
});

test('a drained agent finishes what it has and leaves', async () => {
  const drained = await agents.start('drained');
  await bench.repository('drain', {
    '.holdfast/workflows/ci.yml': stepsOn('drained', '      - run: sleep 1.5\n      - run: echo done\n'),
  });
  const run = await bench.begun('drain', 0);
  await bench.machine.client('pauseAgent', { params: { id: 'drained', verb: 'drain' } });
  expect((await bench.runEnded(run.id)).state).toBe('succeeded');
  expect(await drained.ended).toBe(0);
  await until('it to be offline', async () => (await agents.stateOf('drained')) === 'offline');
});

test('an agent that is replaced leaves its step to the next process, which ends it once', async () => {
  const before = await agents.start('replaced');
  await bench.repository('replace', {
    '.holdfast/workflows/ci.yml': stepsOn(
      'replaced',
      '      - run: for i in 1 2 3 4; do echo tick $i; sleep 1; done\n        env: { HOLDFAST_ON_LOST: fail }\n      - run: echo after\n',
    ),
  });
  const run = await bench.begun('replace', 0);
  // Before its shim has it, the step is in flight on nobody's word, and ends as HOLDFAST_ON_LOST says.
  await until('the step to speak', async () => (await bench.log(run, 'a', 0)).includes('tick 1'));
  before.child.kill('SIGTERM');
  expect(await before.ended).toBe(0);
  await agents.start('replaced');
  const ended = await bench.runEnded(run.id);
  expect(ended.state).toBe('succeeded');
  expect(ended.jobs[0]?.steps[0]?.attempts).toHaveLength(1);
  expect((await bench.log(ended, 'a', 0)).match(/^tick/gm)).toHaveLength(4);
});

test('a step that prints more than its agent may keep is stopped and says so, once', async () => {
  await agents.start('loud', { env: { HOLDFAST_AGENT_SPOOL_LIMIT: '1MiB' } });
  await bench.repository('loud', {
    '.holdfast/workflows/ci.yml': stepsOn(
      'loud',
      '      - run: head -c 900000 /dev/zero | tr "\\0" x\n      - { run: "yes | head -c 3000000; sleep 600", env: { HOLDFAST_RETRY: "3" } }\n      - { run: yes & echo $! > pid, if: always() }\n      - { run: sleep 2; ! kill -0 $(cat pid), if: always() }\n      - { run: echo after, if: always() }\n',
    ),
  });
  const { state, jobs } = await bench.run('loud');
  expect(state).toBe('failed');
  expect(jobs[0]?.steps.map((step) => step.state)).toEqual([
    'succeeded',
    'failed',
    'succeeded',
    'succeeded',
    'succeeded',
  ]);
  // It is not lost with its shim, and would print as much the next time.
  expect(jobs[0]?.steps[1]?.attempts).toMatchObject([
    { reason: expect.stringContaining('it printed more than 1 MiB (HOLDFAST_AGENT_SPOOL_LIMIT)') },
  ]);
});

test('an ephemeral agent does one job and leaves', async () => {
  const once = await agents.start('once', { words: ['--ephemeral'] });
  await bench.repository('ephemeral', {
    '.holdfast/workflows/ci.yml': stepsOn('once', '      - run: echo hello\n'),
  });
  expect((await bench.run('ephemeral')).state).toBe('succeeded');
  expect(await once.ended).toBe(0);
});

test('a step that asks waits for a person, who may say yes', async () => {
  const first = await agents.start('asker');
  await bench.repository('ask', {
    '.holdfast/workflows/ci.yml': stepsOn(
      'asker',
      '      - run: echo before\n      - run: sleep 3\n        env: { HOLDFAST_ON_LOST: ask }\n      - run: echo after\n',
    ),
  });
  const run = await bench.begun('ask', 1);
  await loseMachine(bench, first, run);
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
  await agents.start('asker-2', { words: ['--labels', 'asker'] });
  await bench.machine.client('answerJob', { params: { id: job.id, answer: 'approve' } });
  const ended = await bench.runEnded(run.id);
  expect(ended.state).toBe('succeeded');
  expect(ended.jobs[0]?.steps.map((step) => step.attempts.length)).toEqual([1, 2, 1]);
  const again = bench.machine.client('answerJob', { params: { id: job.id, answer: 'approve' } });
  await expect(again).rejects.toThrow(/already/);
});

test('a host that comes back within the lost period runs its step again, and the run does not fail', async () => {
  const first = await agents.start('rebooted');
  await bench.repository('reboot', {
    '.holdfast/workflows/ci.yml': stepsOn('rebooted', '      - run: echo one\n      - run: sleep 2\n'),
  });
  const run = await bench.begun('reboot', 1);
  await loseMachine(bench, first, run);
  await first.ended;
  await agents.start('rebooted');
  const ended = await bench.runEnded(run.id);
  expect(ended.state).toBe('succeeded');
  expect(ended.jobs[0]?.steps.map((step) => step.attempts.length)).toEqual([1, 2]);
  expect(ended.jobs[0]?.steps[1]?.attempts[0]).toMatchObject({ state: 'lost' });
});

test('an agent whose disk is nearly full takes nothing new and says so', async () => {
  await agents.start('nearly-full', { env: { HOLDFAST_AGENT_DISK_FLOOR: '8000TiB' } });
  await bench.repository('disk', {
    '.holdfast/workflows/ci.yml': stepsOn('nearly-full', '      - run: echo one\n'),
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
  await agents.start('roomy', { words: ['--labels', 'nearly-full'] });
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

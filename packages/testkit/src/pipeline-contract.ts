import { newId } from '@holdfast/contract/id.ts';
import type { AgentHello, LeaseKey } from '@holdfast/core/pipeline/ports.ts';
import type { Report } from '@holdfast/core/pipeline/reports.ts';
import { expect, test } from 'vitest';
import { type MakeWorld, PipelineBench } from './pipeline-bench.ts';
import { finished } from './sample-reports.ts';

/**
 * What every implementation of the pipeline's port does: PostgreSQL and the simulator's model. `makeWorld` is asked
 * for a fresh store a test.
 */
const outcomes = (answer: { readonly results: readonly { readonly outcome: string }[] } | undefined) =>
  answer?.results.map((result) => result.outcome);

type Start = (jobsPerRepository?: number) => Promise<PipelineBench>;

export function pipelineContract(makeWorld: MakeWorld): void {
  const start: Start = async (jobsPerRepository = 1_000) =>
    new PipelineBench(await makeWorld({ jobsPerRepository }));
  leases(start);
  counting(start);
  retrying(start);
  losses(start);
  queueing(start);
  hearing(start);
}

function leases(start: Start): void {
  test('two agents that ask at once: one gets the job', async () => {
    const bench = await start();
    const { jobId } = await bench.run();
    const agents = [await bench.agent(), await bench.agent()];
    const claims = await Promise.all(agents.map(({ agentId }) => bench.claim(agentId)));
    expect(claims.flat()).toEqual([{ jobId, epoch: 1 }]);
  });

  test('a run that was parked is found by no scan, and others are', async () => {
    const bench = await start();
    const [{ runId }, { runId: other }] = [await bench.held(), await bench.held()];
    for (const _ of 'twice') await bench.store.parkRun(runId, 'nothing has no name');
    expect(await bench.store.unsettledRuns(10)).toEqual([other]);
  });

  test('a lease is listed until its end is told, and its end is heard by the run', async () => {
    const bench = await start();
    const { runId, who, lease } = await bench.held();
    expect(await bench.store.unsettledRuns(10)).toEqual([runId]);
    const end: Report = {
      kind: 'jobFinished',
      ...lease,
      conclusion: 'succeeded',
      outputs: { a: 'b' },
      reason: null,
    };
    const [before] = await bench.store.applyNews([bench.news(who, [])]);
    expect(before?.leases).toEqual([{ ...lease, acknowledged: true, cancel: false }]);
    const [told] = await bench.store.applyNews([bench.news(who, [end])]);
    expect([outcomes(told), told?.leases, told?.unsettled]).toEqual([['accepted'], [], [runId]]);
    const [again] = await bench.store.applyNews([bench.news(who, [end])]);
    expect(outcomes(again)).toEqual(['accepted']);
    const loaded = await bench.store.transaction((tx) => tx.loadRun(runId));
    expect([...(loaded?.reported.values() ?? [])]).toEqual([
      { conclusion: 'succeeded', outputs: { a: 'b' }, reason: null },
    ]);
    expect(loaded?.run.jobs[0]?.state).toBe('running');
  });

  test('another session makes the one before a stranger', async () => {
    const bench = await start();
    const { who, lease, jobId } = await bench.held();
    const stale = { ...who, sessionId: newId() };
    const [answer] = await bench.store.applyNews([bench.news(stale, [finished(lease, 0)])]);
    expect([answer?.stranger, answer?.results, answer?.leases]).toEqual([true, [], []]);
    expect(await bench.world.attempts(jobId)).toEqual([]);
  });

  test('a returned lease is told to the caller while it is held', async () => {
    const bench = await start();
    const { who, lease } = await bench.held();
    const back: Report = { kind: 'leaseReturned', ...lease, checkpoint: 'c', reason: 'gone' };
    const [answer] = await bench.store.applyNews([bench.news(who, [back])]);
    expect(answer?.returned).toEqual([{ ...lease, checkpoint: 'c', reason: 'gone' }]);
    await bench.giveBack(lease);
    const [late] = await bench.store.applyNews([bench.news(who, [back])]);
    expect([outcomes(late), late?.returned]).toEqual([['fenced'], []]);
  });
}

function counting(start: Start): void {
  test('a step told twice counts once and is answered alike', async () => {
    const bench = await start();
    const { jobId, who, lease } = await bench.held();
    const step = finished(lease, 0);
    const started: Report = {
      kind: 'stepStarted',
      ...lease,
      attemptId: step.attemptId,
      index: 0,
      name: 'step 0',
    };
    await bench.store.applyNews([bench.news(who, [started])]);
    expect((await bench.world.attempts(jobId)).map((attempt) => [attempt.state, attempt.counted])).toEqual([
      ['running', false],
    ]);
    for (const reports of [[step], [started, step]]) {
      const [answer] = await bench.store.applyNews([bench.news(who, reports)]);
      expect(new Set(outcomes(answer))).toEqual(new Set(['accepted']));
    }
    expect((await bench.world.attempts(jobId)).map((attempt) => [attempt.state, attempt.counted])).toEqual([
      ['succeeded', true],
    ]);
  });

  test('what a fenced agent tells is kept, marked and never counted', async () => {
    const bench = await start();
    const { jobId, who, lease } = await bench.held();
    const [known, unknown, before] = [
      finished(lease, 1),
      finished(lease, 1),
      finished(lease, 0, { checkpoint: 'c' }),
    ];
    const started: Report = {
      kind: 'stepStarted',
      ...lease,
      attemptId: known.attemptId,
      index: 1,
      name: 'step 1',
    };
    await bench.store.applyNews([bench.news(who, [before, started])]);
    await bench.giveBack(lease, 1);
    const late: Report[] = [before, known, unknown, { kind: 'leaseAcknowledged', ...lease }];
    const end: Report = { kind: 'jobFinished', ...lease, conclusion: 'succeeded', outputs: {}, reason: null };
    const [answer] = await bench.store.applyNews([bench.news(who, [...late, end])]);
    // The first was counted while the lease was held: telling it again is no news.
    expect(outcomes(answer)).toEqual(['accepted', 'fenced', 'fenced', 'fenced', 'fenced']);
    const attempts = await bench.world.attempts(jobId);
    const of = (id: string) => attempts.find((attempt) => attempt.id === id);
    expect(of(before.attemptId)).toMatchObject({ counted: true, late: false });
    expect(of(known.attemptId)).toMatchObject({ state: 'lost', counted: false, late: true });
    expect(of(unknown.attemptId)).toMatchObject({ state: 'lost', counted: false, late: true });
    expect(await bench.store.unsettledRuns(10)).not.toContain(undefined);
  });

  test('a second attempt of a counted step is refused, with everything told in the same breath', async () => {
    const bench = await start();
    const first = await bench.held();
    await bench.store.applyNews([bench.news(first.who, [finished(first.lease, 0)])]);
    const other = await bench.held();
    const together = bench.store.applyNews([
      bench.news(other.who, [finished(other.lease, 0)]),
      bench.news(first.who, [finished(first.lease, 0)]),
    ]);
    await expect(together).rejects.toThrow();
    expect(await bench.world.attempts(other.jobId)).toEqual([]);
  });
}

function retrying(start: Start): void {
  test('a try that is run again is kept and does not count; told twice it is answered alike', async () => {
    const bench = await start();
    const { jobId, who, lease } = await bench.held();
    const failed = finished(lease, 0, { conclusion: 'failed', outcome: 'failed', exitCode: 75, again: true });
    for (const reports of [[failed], [failed, finished(lease, 0)]]) {
      const [answer] = await bench.store.applyNews([bench.news(who, reports)]);
      expect(new Set(outcomes(answer))).toEqual(new Set(['accepted']));
    }
    const attempts = await bench.world.attempts(jobId);
    expect(attempts.map((attempt) => [attempt.state, attempt.counted, attempt.late])).toEqual([
      ['failed', false, false],
      ['succeeded', true, false],
    ]);
  });

  test('a step that counts may be done again: that is kept, and it counts once all the same', async () => {
    const bench = await start();
    const { jobId, who, lease } = await bench.held();
    for (const again of [false, true]) {
      const [answer] = await bench.store.applyNews([bench.news(who, [finished(lease, 0, { again })])]);
      expect(outcomes(answer)).toEqual(['accepted']);
    }
    const attempts = await bench.world.attempts(jobId);
    expect(attempts.map(({ state, counted }) => [state, counted])).toEqual([
      ['succeeded', true],
      ['succeeded', false],
    ]);
    const held = await bench.store.transaction((tx) => tx.heldJob(lease));
    expect(held?.lost.finished.map((step) => step.index)).toEqual([0]);
  });
}

function losses(start: Start): void {
  test('given back, a job is held by the next epoch alone, and steps from its resume point count no more', async () => {
    const bench = await start();
    const { jobId, who, lease } = await bench.held();
    const steps = [finished(lease, 0), finished(lease, 1), finished(lease, 2)];
    await bench.store.applyNews([bench.news(who, steps)]);
    await bench.giveBack(lease, 1);
    await bench.giveBack(lease, 0);
    expect((await bench.world.attempts(jobId)).map((attempt) => attempt.counted)).toEqual([
      true,
      false,
      false,
    ]);
    expect(await bench.store.transaction((tx) => tx.heldJob(lease))).toBeNull();
    const other = await bench.agent();
    const [next] = await bench.claim(other.agentId);
    expect(next?.epoch).toBeGreaterThan(lease.epoch);
    const [answer] = await bench.store.applyNews([bench.news(other, [finished(next as LeaseKey, 1)])]);
    expect(outcomes(answer)).toEqual(['accepted']);
    const held = await bench.store.transaction((tx) => tx.heldJob(next as LeaseKey));
    expect(held?.lost).toMatchObject({ losses: 1, inFlight: null });
    expect(held?.lost.finished.map((step) => step.index).sort()).toEqual([0, 1]);
  });

  test('a transaction that fails leaves nothing', async () => {
    const bench = await start();
    const { jobId, lease } = await bench.held();
    const failing = bench.store.transaction(async (tx) => {
      await tx.giveBack(lease, { reason: 'test', lost: true, from: 0, checkpoint: null, ask: null });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await bench.store.transaction((tx) => tx.heldJob(lease))).toMatchObject({ jobId });
  });

  test('a question keeps a job from everybody', async () => {
    const bench = await start();
    const { runId, lease } = await bench.held();
    await bench.store.transaction((tx) =>
      tx.giveBack(lease, { reason: 'test', lost: true, from: 0, checkpoint: null, ask: 'may it?' }),
    );
    const { agentId } = await bench.agent();
    expect(await bench.claim(agentId)).toEqual([]);
    const loaded = await bench.store.transaction((tx) => tx.loadRun(runId));
    expect(loaded?.run.jobs[0]).toMatchObject({ state: 'waiting', asks: 'may it?' });
  });
}

function queueing(start: Start): void {
  test('the least served repository comes first, and none has more than its limit', async () => {
    const bench = await start(2);
    for (let made = 0; made < 5; made += 1) await bench.run({ repository: 'noisy' });
    const quiet = await bench.run({ repository: 'quiet' });
    const { agentId } = await bench.agent();
    const [first, second] = [await bench.claim(agentId), await bench.claim(agentId)];
    expect([...first, ...second].map((lease) => lease.jobId)).toContain(quiet.jobId);
    expect(await bench.claim(agentId, 9)).toHaveLength(1);
    expect(await bench.claim(agentId, 9)).toEqual([]);
  });

  test('a host of releases stands back from what an agent without may take, and takes the rest at once', async () => {
    const bench = await start();
    const { agentId } = await bench.agent({ host: true });
    const claim = async (standBackMs: number) =>
      (await bench.claim(agentId, 9, standBackMs)).map((lease) => lease.jobId);
    const alone = await bench.run();
    expect(await claim(60_000)).toEqual([alone.jobId]);
    await bench.agent({ labels: ['windows'] });
    const misfit = await bench.run();
    expect(await claim(60_000)).toEqual([misfit.jobId]);
    await bench.agent();
    const { jobId } = await bench.run();
    expect(await claim(60_000)).toEqual([]);
    expect(await claim(-1)).toEqual([jobId]);
  });
}

function hearing(start: Start): void {
  test('a log piece that comes twice is kept once, the longer one', async () => {
    const bench = await start();
    const { who } = await bench.held();
    const attemptId = newId();
    for (const text of ['one', 'one\n', 'on'])
      await bench.store.applyNews([{ ...bench.news(who, []), logs: [{ attemptId, offset: 0, text }] }]);
    await bench.store.applyNews([
      { ...bench.news(who, []), logs: [{ attemptId, offset: 4, text: 'two\n' }] },
    ]);
    expect(await bench.world.logOf(attemptId)).toBe('one\ntwo\n');
  });

  test('silence is measured, and a sign ends it', async () => {
    const bench = await start();
    const { agentId } = await bench.agent();
    await bench.store.transaction((tx) => tx.setAgentState(agentId, 'suspect'));
    const sign = { agentId, sessionId: newId(), number: 0 };
    await bench.store.noteSigns([sign, { ...sign, agentId: newId() }]);
    const [seen] = (await bench.store.agents()).filter((agent) => agent.id === agentId);
    expect(seen).toMatchObject({ state: 'online', busy: 0, lostMsAgo: null });
    expect(seen?.silenceMs).toBeLessThan(60_000);
    expect(await bench.store.beginLook(600_000)).toBe(false);
  });

  test('a sign that comes late, or from a session that is over, changes nothing', async () => {
    const bench = await start();
    const { agentId, sessionId } = await bench.agent();
    const suspected = async (number: number, of = sessionId) => {
      await bench.store.transaction((tx) => tx.setAgentState(agentId, 'suspect'));
      await bench.store.noteSigns([{ agentId, sessionId: of, number }]);
      return (await bench.store.agents()).find((agent) => agent.id === agentId)?.state === 'suspect';
    };
    expect(await suspected(7)).toBe(false);
    expect(await suspected(7)).toBe(true);
    expect(await suspected(6)).toBe(true);
    expect(await suspected(8, newId())).toBe(true);
    expect(await suspected(8)).toBe(false);
    const [agent] = (await bench.store.agents()).filter(({ id }) => id === agentId);
    const next = newId();
    await bench.store.transaction((tx) => tx.greet({ ...(agent as AgentHello), sessionId: next }));
    expect(await suspected(9)).toBe(true);
    expect(await suspected(1, next)).toBe(false);
  });

  test('an agent that hung up is suspected when it is silent, and only then', async () => {
    const bench = await start();
    const { agentId } = await bench.agent();
    const stateNow = async () => (await bench.store.agents()).find((agent) => agent.id === agentId)?.state;
    await bench.store.suspectSilent(agentId, 60_000);
    expect(await stateNow()).toBe('online');
    await bench.store.suspectSilent(agentId, -1);
    expect(await stateNow()).toBe('suspect');
    await bench.store.transaction((tx) => tx.setAgentState(agentId, 'offline'));
    await bench.store.suspectSilent(agentId, -1);
    expect(await stateNow()).toBe('offline');
  });
}

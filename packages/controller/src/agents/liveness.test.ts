import { newId } from '@holdfast/contract/id.ts';
import type { PipelineStore, PipelineTransaction } from '@holdfast/core/pipeline/ports.ts';
import { ModelPipeline } from '@holdfast/testkit/model-pipeline.ts';
import { plainExpressions } from '@holdfast/testkit/plain-expressions.ts';
import { queuedRun } from '@holdfast/testkit/sample-runs.ts';
import pino from 'pino';
import { expect, test } from 'vitest';
import { lookAtAgents } from './liveness.ts';

const TIMERS = { suspectMs: 6_000, lostMs: 10_000 };

/** A fleet on the model store and a clock of its own. */
class Fleet {
  now = 0;
  readonly store = new ModelPipeline(() => this.now);
  /** Whatever is asked about this job fails. */
  poisoned: string | null = null;

  async agent(over: { readonly zone?: string } = {}): Promise<string> {
    const id = newId();
    const described = { labels: ['linux'], zone: '', slots: 9, host: false, address: '', ...over };
    await this.store.transaction((tx) => tx.greet({ id, sessionId: newId(), name: id, ...described }));
    return id;
  }

  async held(agentId: string): Promise<string> {
    const { run, jobId } = queuedRun();
    this.store.addRun(run, 'shop');
    const [lease] = await this.store.transaction((tx) =>
      tx.claim({ agentId, labels: ['linux'], slots: 1, standBackMs: 0 }),
    );
    expect(lease?.jobId).toBe(jobId);
    return jobId;
  }

  async look(): Promise<void> {
    const poisonous = (tx: PipelineTransaction): PipelineTransaction => ({
      ...tx,
      heldJob: (seen) => {
        if (seen.jobId === this.poisoned) throw new Error('a broken row');
        return tx.heldJob(seen);
      },
    });
    const store: PipelineStore = Object.create(this.store, {
      transaction: {
        value: <Value>(work: (tx: PipelineTransaction) => Promise<Value>) =>
          this.store.transaction((tx) => work(poisonous(tx))),
      },
    });
    const tools = { expressions: plainExpressions, newId };
    await lookAtAgents({ store, tools, timers: TIMERS, hint: () => {}, log: pino({ level: 'silent' }) });
  }

  /** Nobody says anything, and somebody looks all the time: the silence is the agents' own. */
  async silence(ms: number): Promise<void> {
    for (const until = this.now + ms; this.now < until; ) {
      this.now += 1_000;
      await this.look();
    }
  }

  async holder(jobId: string): Promise<string | null> {
    return this.store.tables.jobs.get(jobId)?.agentId ?? null;
  }
}

test('one broken job of a lost agent harms no other: they go on elsewhere', async () => {
  const fleet = new Fleet();
  const agent = await fleet.agent();
  const jobs = [await fleet.held(agent), await fleet.held(agent), await fleet.held(agent)];
  fleet.poisoned = jobs[1] as string;
  await fleet.silence(12_000);
  expect((await fleet.store.agents())[0]?.state).toBe('lost');
  expect(await Promise.all(jobs.map((job) => fleet.holder(job)))).toEqual([null, agent, null]);
  // Mended, it is taken back at the next look.
  fleet.poisoned = null;
  await fleet.look();
  expect(await fleet.holder(jobs[1] as string)).toBeNull();
});

test('a broken job of one agent does not keep another agent from being given up', async () => {
  const fleet = new Fleet();
  const [first, second] = [await fleet.agent(), await fleet.agent()];
  const [broken, whole] = [await fleet.held(first), await fleet.held(second)];
  fleet.poisoned = broken;
  await fleet.silence(12_000);
  expect(await fleet.holder(whole)).toBeNull();
});

test('of many agents that fall silent at once a fifth is given up in a minute, and one whole zone', async () => {
  let fleet = new Fleet();
  const told = () =>
    [...fleet.store.tables.news.values()]
      .map(({ sentence }) => sentence)
      .filter((text) => text.startsWith('many'));
  const lost = async (zones: readonly string[]) => {
    fleet = new Fleet();
    for (const zone of zones) await fleet.agent({ zone });
    await fleet.silence(12_000);
    const agents = await fleet.store.agents();
    return agents.filter(({ state }) => state === 'lost').length;
  };
  expect(await lost(Array.from({ length: 20 }, () => ''))).toBe(4);
  expect(told()).toEqual([
    'many agents fell silent at once, so it may be the network: 16 more are not given up, and their jobs wait, for up to a minute',
  ]);
  expect(await lost(Array.from({ length: 9 }, () => ''))).toBe(9);
  expect(told()).toEqual([]);
  fleet = new Fleet();
  for (let count = 0; count < 8; count += 1) await fleet.agent({ zone: 'a' });
  const others = await Promise.all(Array.from({ length: 8 }, () => fleet.agent({ zone: 'b' })));
  for (let seconds = 0; seconds < 12; seconds += 1) {
    fleet.now += 1_000;
    await fleet.store.noteSigns(others.map((agentId) => ({ agentId, sessionId: agentId, number: 0 })));
    await fleet.look();
  }
  const states = (await fleet.store.agents()).map(({ zone, state }) => `${zone} ${state}`);
  expect(states.filter((state) => state === 'a lost')).toHaveLength(8);
  expect(states.filter((state) => state === 'b online')).toHaveLength(8);
});

import { newId } from '@holdfast/contract/id.ts';
import type { PipelineStore, PipelineTransaction } from '@holdfast/core/pipeline/ports.ts';
import { ModelPipeline } from '@holdfast/testkit/model-pipeline.ts';
import { plainExpressions } from '@holdfast/testkit/plain-expressions.ts';
import { queuedRun } from '@holdfast/testkit/sample-runs.ts';
import pino from 'pino';
import { expect, test } from 'vitest';
import { Settler } from './settler.ts';

test('a run that cannot be read keeps no other from being settled, and is found again', async () => {
  const model = new ModelPipeline(() => 0);
  const runs = [queuedRun().run, queuedRun().run, queuedRun().run];
  for (const run of runs) model.addRun(run, 'shop');
  const [, poisoned] = runs.map(({ id }) => id);
  const asked: string[] = [];
  let broken = true;
  const watched = (tx: PipelineTransaction): PipelineTransaction => ({
    ...tx,
    loadRun: (id) => {
      asked.push(id);
      if (broken && id === poisoned) throw new Error('a broken row');
      return tx.loadRun(id);
    },
  });
  const store: PipelineStore = Object.create(model, {
    transaction: {
      value: <Value>(work: (tx: PipelineTransaction) => Promise<Value>) =>
        model.transaction((tx) => work(watched(tx))),
    },
    unsettledRuns: { value: async () => [poisoned as string] },
  });
  const settler = new Settler({
    store,
    tools: { expressions: plainExpressions, newId },
    hint: () => {},
    log: pino({ level: 'silent' }),
  });
  settler.hear(runs.map(({ id }) => id));
  await settler.idle();
  expect(asked.toSorted()).toEqual(runs.map(({ id }) => id).toSorted());

  broken = false;
  await settler.scan();
  expect(asked).toHaveLength(4);
  expect(asked.at(-1)).toBe(poisoned);
});

test.each([
  ['of its own, five times in a row, parks it', () => new TypeError('nothing has no name'), ['poisoned']],
  ['of the network parks nothing', () => new Error('read ECONNRESET'), []],
])('a run that fails for a reason %s', async (_, failure, parked) => {
  const left: string[] = [];
  const store = {
    transaction: async () => {
      throw failure();
    },
    unsettledRuns: async () => ['poisoned'],
    parkRun: async (id: string, reason: string) => {
      left.push(id);
      expect(reason).toBe('nothing has no name');
    },
  } as unknown as PipelineStore;
  const settler = new Settler({
    store,
    tools: { expressions: plainExpressions, newId },
    hint: () => {},
    log: pino({ level: 'silent' }),
  });
  for (let scans = 0; scans < 5; scans += 1) {
    expect(left).toEqual([]);
    await settler.scan();
  }
  expect(left).toEqual(parked);
});

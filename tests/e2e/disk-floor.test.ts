import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { stepsOn, WorkBench } from './work-bench.ts';

/** A machine whose database has less room beside it than it was told to keep. */
let bench: WorkBench;
beforeAll(async () => {
  bench = await WorkBench.start({ HOLDFAST_DATABASE_DISK_FLOOR: '1000TiB' });
});
afterAll(() => bench.stop());

test('with too little room beside the database no work is given out, and why, doctor and the agents say so', async () => {
  await bench.repository('app', {
    '.holdfast/workflows/ci.yml': stepsOn('self-hosted', '      - run: echo hi\n'),
  });
  const run = await bench.startedId('app');
  const why = await until('why to know', async () => {
    const { sentence } = await bench.machine.client('why', { params: { id: run } });
    return sentence.includes('no work is given out') ? sentence : null;
  });
  expect(why).toMatch(/^Job a waits: no work is given out, because /);
  const doctor = await bench.holdfast(['doctor']);
  expect(doctor.out).toMatch(/database: no work is given out: .*1000/);
  const seen = await bench.machine.client('showRun', { params: { id: run } });
  expect(seen.jobs[0]).toMatchObject({ state: 'queued' });
  // What people ask is answered all the same.
  expect((await bench.holdfast(['run', 'cancel', run])).code).toBe(0);
  expect((await bench.runEnded(run)).state).toBe('cancelled');
});

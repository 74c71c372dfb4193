import type { Grant } from '@holdfast/contract/agent/protocol.ts';
import { expect, test } from 'vitest';
import { LONGEST_TIMER_MS, uptimeMs } from '../steps/clock.ts';
import { jobFolder } from './job-folder.ts';
import { timeLeftMs } from './job-now.ts';
import { freshState, moveRoot, type RunningStep } from './job-state.ts';

const folder = jobFolder('/data', 'j');
const left = (timeoutMinutes: number | null, spentMs = 0, running: RunningStep | null = null) =>
  timeLeftMs(
    {
      grant: { definition: { timeoutMinutes }, values: {} } as unknown as Grant,
      folder,
      state: { ...freshState(folder.root), spentMs },
    },
    running,
  );

test('a job that goes on has what its steps have left of its timeout-minutes', () => {
  expect(left(10)).toBe(600_000);
  expect(left(10, 240_000.5)).toBe(359_999.5);
  expect(left(10, 700_000)).toBe(0);
  const running = { index: 1, attemptId: 'a', name: 'b', began: uptimeMs() - 60_000 };
  expect(left(10, 240_000, running) / 60_000).toBeCloseTo(5, 0);
  expect(left(null)).toBe(6 * 3_600_000);
});

test('weeks are no timer that fires at once', () => {
  expect(left(43_200)).toBe(LONGEST_TIMER_MS);
});

test('time goes along with a job, and not to the job of a run again', () => {
  const state = { ...freshState('/data/jobs/one'), spentMs: 5, timedOut: true };
  expect(moveRoot(state, '/elsewhere/jobs/one')).toMatchObject({ spentMs: 5, timedOut: true });
  expect(moveRoot(state, '/data/jobs/two')).toMatchObject({ spentMs: 0, timedOut: false });
});

test('a checkpoint of an agent that did not count them says nothing was spent', () => {
  const { spentMs: _, ...older } = freshState('/elsewhere');
  expect(moveRoot(older as never, '/here').spentMs).toBe(0);
});

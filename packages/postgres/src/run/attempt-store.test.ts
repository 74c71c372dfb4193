import { resumePoint } from '@holdfast/core/pipeline/loss.ts';
import { expect, test } from 'vitest';
import { type AttemptRow, finishedSteps } from './attempt-store.ts';

const counted = (index: number) =>
  ({
    step_index: index,
    counted: true,
    checkpoint: `cp${index}`,
    not_portable: null,
  }) as unknown as AttemptRow;
const BEGUN_AT_THIRD = { resume_index: 2, checkpoint: 'cp-of-the-run-before' };

test('a job that was begun at a step and lost its agent at once goes on there, not at its first step', () => {
  const from = (attempts: AttemptRow[], spoilt: string | null = null) => {
    const point = resumePoint(finishedSteps(attempts, BEGUN_AT_THIRD), spoilt);
    return [point.from, point.checkpoint];
  };
  expect(from([])).toEqual([2, 'cp-of-the-run-before']);
  expect(from([counted(2)])).toEqual([3, 'cp2']);
  expect(from([], 'cp-of-the-run-before')).toEqual([0, null]);
});

test('what it was given back to is not told twice', () => {
  const steps = finishedSteps([counted(0), counted(1)], { resume_index: 2, checkpoint: 'cp1' });
  expect(steps.map(({ index }) => index)).toEqual([0, 1]);
  expect(finishedSteps([], { resume_index: 0, checkpoint: null })).toEqual([]);
});

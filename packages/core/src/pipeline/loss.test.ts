import { expect, test } from 'vitest';
import { decideLoss, type FinishedStep, type LostJob, resumePoint } from './loss.ts';
import type { JobDefinition, StepDefinition } from './pipeline.ts';

const step = (onLost?: string) =>
  ({ env: onLost ? { members: [['HOLDFAST_ON_LOST', onLost]] } : null }) as unknown as StepDefinition;
const definition = { steps: [step(), step('fail'), step('ask'), step()] } as unknown as JobDefinition;
const done = (index: number, over: Partial<FinishedStep> = {}): FinishedStep => ({
  index,
  checkpoint: `sha256:${index}`,
  notPortable: null,
  ...over,
});
const job = (over: Partial<LostJob> = {}): LostJob => ({
  definition,
  cancelled: false,
  losses: 0,
  finished: [done(0), done(1)],
  inFlight: null,
  ...over,
});
const LOST = { lost: true, spoilt: null, reason: 'agent a is lost' };

test('it goes on after its last checkpoint, and asks nobody between two steps', () => {
  expect(decideLoss(job(), LOST)).toEqual({ kind: 'requeue', from: 2, checkpoint: 'sha256:1', ask: null });
  expect(decideLoss(job({ finished: [] }), LOST)).toMatchObject({ from: 0, checkpoint: null });
});

test('a step says what becomes of it when its agent is lost in the middle', () => {
  expect(decideLoss(job({ inFlight: 3 }), LOST)).toMatchObject({ kind: 'requeue', ask: null });
  expect(decideLoss(job({ inFlight: 2 }), LOST)).toMatchObject({
    kind: 'requeue',
    ask: 'its agent was lost during step 3, which may have done its work already',
  });
  expect(decideLoss(job({ finished: [done(0)], inFlight: 1 }), LOST)).toEqual({
    kind: 'end',
    conclusion: 'failed',
    reason: 'its agent was lost during step 2, which says HOLDFAST_ON_LOST: fail',
  });
});

test('a step that was counted before and is done again is asked about no more', () => {
  const finished = [done(0), done(1), done(2)];
  expect(decideLoss(job({ finished, inFlight: 1 }), LOST)).toMatchObject({
    kind: 'requeue',
    from: 3,
    ask: null,
  });
  expect(decideLoss(job({ finished, inFlight: 2 }), LOST)).toMatchObject({ kind: 'requeue', ask: null });
});

test('losses have a budget of five, and a job that is handed back in good order spends none of it', () => {
  expect(decideLoss(job({ losses: 4 }), LOST).kind).toBe('requeue');
  expect(decideLoss(job({ losses: 5 }), LOST)).toMatchObject({
    kind: 'end',
    conclusion: 'failed',
    reason: 'its agents were lost, or gave it back, 6 times; the last time: agent a is lost',
  });
  expect(decideLoss(job({ losses: 5 }), { ...LOST, lost: false }).kind).toBe('requeue');
});

test('cancelled meanwhile it ends as that', () => {
  expect(decideLoss(job({ cancelled: true, inFlight: 1 }), LOST)).toMatchObject({ conclusion: 'cancelled' });
});

test('behind a spoilt checkpoint lies the one before, and a job that is not portable begins again', () => {
  expect(resumePoint([done(0), done(1), done(2)], 'sha256:2')).toMatchObject({
    from: 2,
    checkpoint: 'sha256:1',
  });
  expect(resumePoint([done(0)], 'sha256:0')).toMatchObject({ from: 0, checkpoint: null });
  // A step without a checkpoint of its own runs again with the ones after the last that has one.
  expect(resumePoint([done(0), done(1, { checkpoint: null })])).toMatchObject({
    from: 1,
    checkpoint: 'sha256:0',
  });
  expect(resumePoint([done(0), done(1, { notPortable: 'a process was left behind' })])).toEqual({
    from: 0,
    checkpoint: null,
    notPortable: 'a process was left behind',
  });
});

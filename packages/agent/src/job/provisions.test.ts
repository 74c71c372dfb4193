import type { StepDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import { expect, test } from 'vitest';
import { PLAIN_RESULT } from '../steps/run-step.ts';
import { freshState, moveRoot } from './job-state.ts';
import { provisionedAgain, provisionsAfter } from './provisions.ts';

const step = (said?: string, id: string | null = null) =>
  ({
    id,
    env: said ? { members: [['HOLDFAST_ON_RESTORE', said]] } : null,
    condition: 'success()',
  }) as unknown as StepDefinition;
const ended = {
  index: 2,
  result: { ...PLAIN_RESULT, env: { TOOL: '/opt/a' }, path: ['/opt/a/bin'] },
  conclusion: 'succeeded',
} as const;

test('only a step that says so, and succeeded, is noted', () => {
  expect(provisionsAfter([], step('rerun'), ended)).toEqual([
    { index: 2, env: { TOOL: '/opt/a' }, path: ['/opt/a/bin'] },
  ]);
  expect(provisionsAfter([], step('keep'), ended)).toEqual([]);
  expect(provisionsAfter([], step(), ended)).toEqual([]);
  for (const conclusion of ['failed', 'skipped', 'cancelled'] as const)
    expect(provisionsAfter([], step('rerun'), { ...ended, conclusion })).toEqual([]);
});

test('done again, it gives what this machine has, and leaves what later steps made of it', () => {
  const before = {
    ...freshState('/data/jobs/j'),
    steps: { tool: { outputs: { path: '/opt/a', kept: 'yes' }, outcome: 'success', conclusion: 'success' } },
    env: { TOOL: '/opt/a', LEVEL: 'changed later', OTHER: 'by another step' },
    path: ['/first', '/opt/a/bin', '/usr/local/more'],
    provisions: [{ index: 2, env: { TOOL: '/opt/a', LEVEL: 'first' }, path: ['/opt/a/bin'] }],
  };
  const result = {
    ...PLAIN_RESULT,
    outputs: { path: '/opt/b' },
    env: { TOOL: '/opt/b', LEVEL: 'again', OTHER: 'mine', NEW: 'here' },
    path: ['/opt/b/bin', '/opt/b/sbin'],
  };
  const after = provisionedAgain(before, step('rerun', 'tool'), { index: 2, result });
  expect(after.env).toEqual({
    TOOL: '/opt/b',
    LEVEL: 'changed later',
    OTHER: 'by another step',
    NEW: 'here',
  });
  // Later ones go before earlier ones in PATH.
  expect(after.path).toEqual(['/first', '/opt/a/bin', '/opt/b/bin', '/opt/b/sbin', '/usr/local/more']);
  expect(after.steps.tool).toEqual({
    outputs: { path: '/opt/b', kept: 'yes' },
    outcome: 'success',
    conclusion: 'success',
  });
  // On a third machine the second one's values are what it is compared with.
  expect(
    provisionedAgain(after, step('rerun', 'tool'), {
      index: 2,
      result: { ...result, env: { TOOL: '/opt/c' } },
    }).env,
  ).toMatchObject({ TOOL: '/opt/c', LEVEL: 'changed later' });
  // A script that finds its tool there already, in HOME, says nothing again.
  const silent = provisionedAgain(before, step('rerun', 'tool'), { index: 2, result: PLAIN_RESULT });
  expect([silent.env, silent.path]).toEqual([before.env, before.path]);
  expect(provisionedAgain(silent, step('rerun', 'tool'), { index: 2, result }).env).toMatchObject({
    TOOL: '/opt/b',
    LEVEL: 'changed later',
  });
});

test('what it gave moves along with the folder of the job', () => {
  const state = {
    ...freshState('/a/jobs/j'),
    env: { TOOL: '/a/jobs/j/home/tool' },
    provisions: [{ index: 0, env: { TOOL: '/a/jobs/j/home/tool' }, path: ['/a/jobs/j/home/bin'] }],
  };
  const moved = moveRoot(state, '/b/jobs/j');
  expect(moved.env.TOOL).toBe('/b/jobs/j/home/tool');
  expect(moved.provisions).toEqual([
    { index: 0, env: { TOOL: '/b/jobs/j/home/tool' }, path: ['/b/jobs/j/home/bin'] },
  ]);
});

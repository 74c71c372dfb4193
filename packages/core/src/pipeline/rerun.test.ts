import { expect, test } from 'vitest';
import type { Job, JobDefinition, Run, RunState } from './pipeline.ts';
import { type Again, carriedJobs } from './rerun.ts';

const definitionOf = (key: string, ...needs: string[]) => ({ key, needs }) as unknown as JobDefinition;
const job = (key: string, state: RunState, over: Partial<Job> = {}): Job =>
  ({
    id: `old-${key}`,
    key,
    name: key,
    state,
    matrix: null,
    outputs: { from: key },
    reason: null,
    asks: null,
    ...over,
  }) as Job;

const jobs = [
  definitionOf('build'),
  definitionOf('test', 'build'),
  definitionOf('lint'),
  definitionOf('deploy', 'test', 'lint'),
];
const run = (list: readonly Job[], state: RunState = 'failed') =>
  ({ state, definition: { jobs }, jobs: list }) as unknown as Run;
const FAILED = run([
  job('build', 'succeeded'),
  job('test', 'failed'),
  job('lint', 'succeeded'),
  job('deploy', 'skipped'),
]);

let made = 0;
const newId = () => `new-${++made}`;
const carried = (old: Run, again: Again) => {
  const found = carriedJobs(old, again, newId);
  return typeof found === 'string' ? found : found.map(({ key, state, outputs }) => [key, state, outputs]);
};

test('what failed and whatever needs it is done anew; the rest comes along with its outputs', () => {
  expect(carried(FAILED, { kind: 'failed' })).toEqual([
    ['build', 'succeeded', { from: 'build' }],
    ['lint', 'succeeded', { from: 'lint' }],
  ]);
  expect(carried(FAILED, { kind: 'all' })).toEqual([]);
});

test('from a job on: it, what needs it, and what never succeeded', () => {
  const done = run(
    jobs.map(({ key }) => job(key, 'succeeded')),
    'succeeded',
  );
  expect(carried(done, { kind: 'job', job: 'test' })).toEqual([
    ['build', 'succeeded', { from: 'build' }],
    ['lint', 'succeeded', { from: 'lint' }],
  ]);
  expect(carried(FAILED, { kind: 'job', job: 'lint' })).toEqual([['build', 'succeeded', { from: 'build' }]]);
});

test('of a matrix only the combinations that failed', () => {
  const matrix = (os: string, state: RunState) => job('test', state, { id: os, matrix: { os } });
  const old = run([
    job('build', 'succeeded'),
    matrix('a', 'succeeded'),
    matrix('b', 'failed'),
    job('lint', 'succeeded'),
  ]);
  expect(carried(old, { kind: 'failed' })).toEqual([
    ['build', 'succeeded', { from: 'build' }],
    ['test', 'succeeded', { from: 'test' }],
    ['test', 'waiting', {}],
    ['lint', 'succeeded', { from: 'lint' }],
  ]);
  // Made of what is built anew, every combination is.
  const deeper = run([
    job('build', 'failed'),
    matrix('a', 'succeeded'),
    matrix('b', 'failed'),
    job('lint', 'succeeded'),
  ]);
  expect(carried(deeper, { kind: 'failed' })).toEqual([['lint', 'succeeded', { from: 'lint' }]]);
});

test('what makes no sense is refused in a sentence', () => {
  expect(carried(FAILED, { kind: 'job', job: 'ship' })).toBe(
    'there is no job ship, expected one of build, test, lint, deploy',
  );
  expect(carried(run([], 'running'), { kind: 'failed' })).toBe(
    'the run is still running; wait for its end, or cancel it',
  );
  const done = run(
    jobs.map(({ key }) => job(key, 'succeeded')),
    'succeeded',
  );
  expect(carried(done, { kind: 'failed' })).toBe('nothing in it has failed');
});

import { expect, test } from 'vitest';
import { decide } from './decide.ts';
import { checkRun } from './invariants.ts';
import type { Job, JobDefinition, Run, RunEvent } from './pipeline.ts';
import type { Expressions, RunWorld } from './ports.ts';

/** Conditions of these tests are the bare status functions, so no expression language is needed. */
const expressions: Expressions = {
  condition: (text, _values, status) => {
    if (text === 'boom') throw Object.assign(new Error('cannot evaluate boom'), { name: 'ExpressionError' });
    return (
      {
        'success()': status.success,
        'failure()': status.failure,
        'always()': true,
        'cancelled()': status.cancelled,
      }[text] ?? false
    );
  },
  value: (template) =>
    template !== null && typeof template === 'object'
      ? (JSON.parse(JSON.stringify(template)) as never)
      : template,
};

function world(): RunWorld {
  let made = 0;
  return { expressions, newId: () => `job-${++made}` };
}

function definition(key: string, over: Partial<JobDefinition> = {}): JobDefinition {
  return {
    key,
    name: key,
    needs: [],
    condition: 'success()',
    runsOn: 'linux',
    matrix: null,
    env: null,
    outputs: null,
    continueOnError: null,
    timeoutMinutes: null,
    shell: null,
    workingDirectory: null,
    steps: [],
    lane: 'agent',
    ...over,
  };
}

class Driver {
  run: Run;
  effects: string[] = [];
  private readonly world = world();

  constructor(jobs: readonly JobDefinition[]) {
    this.run = {
      id: 'run',
      state: 'queued',
      definition: { name: 'w', path: 'w.yml', env: null, jobs },
      contexts: { github: {}, inputs: {}, vars: {} },
      jobs: [],
      cancelRequested: false,
      reason: null,
    };
    this.do({ kind: 'advance' });
  }

  do(event: RunEvent): this {
    const decided = decide(this.run, event, this.world);
    if (!decided.ok) throw new Error(decided.refusal.sentence);
    checkRun(decided.value.run);
    this.run = decided.value.run;
    this.effects.push(...decided.value.effects.map((effect) => effect.kind));
    return this;
  }

  job(key: string, index = 0): Job {
    const found = this.run.jobs.filter((job) => job.key === key)[index];
    if (!found) throw new Error(`no job ${key} ${index}`);
    return found;
  }

  end(key: string, conclusion: 'succeeded' | 'failed', index = 0): this {
    const { id } = this.job(key, index);
    this.do({ kind: 'jobStarted', jobId: id });
    return this.do({ kind: 'jobEnded', jobId: id, conclusion, outputs: {}, reason: null });
  }

  states(): Record<string, string> {
    return Object.fromEntries(this.run.jobs.map((job) => [job.name, job.state]));
  }
}

test('a job waits for what it needs and the run ends with the last one', () => {
  const run = new Driver([definition('a'), definition('b', { needs: ['a'] })]);
  expect(run.states()).toEqual({ a: 'queued' });
  run.end('a', 'succeeded');
  expect(run.states()).toEqual({ a: 'succeeded', b: 'queued' });
  run.end('b', 'succeeded');
  expect(run.run.state).toBe('succeeded');
  expect(run.effects.at(-1)).toBe('announceRunEnded');
});

test('after a failure success() skips, failure() and always() run', () => {
  const run = new Driver([
    definition('a'),
    definition('after', { needs: ['a'] }),
    definition('later', { needs: ['after'] }),
    definition('rescue', { needs: ['a'], condition: 'failure()' }),
    definition('clean', { needs: ['later'], condition: 'always()' }),
  ]);
  run.end('a', 'failed');
  expect(run.states()).toMatchObject({
    after: 'skipped',
    later: 'skipped',
    rescue: 'queued',
    clean: 'queued',
  });
  run.end('rescue', 'succeeded').end('clean', 'succeeded');
  expect(run.run.state).toBe('failed');
});

test('failure() looks at everything needed, directly or not', () => {
  const run = new Driver([
    definition('a'),
    definition('b', { needs: ['a'] }),
    definition('c', { needs: ['b'], condition: 'failure()' }),
  ]);
  run.end('a', 'failed');
  expect(run.states()).toMatchObject({ b: 'skipped', c: 'queued' });
});

test('a matrix becomes one job a combination; fail-fast stops the others', () => {
  const matrix = { values: { items: [] } as never, failFast: null, maxParallel: 1 };
  const run = new Driver([
    definition('m', { matrix: { ...matrix, values: { os: ['a', 'b', 'c'] } as never } }),
  ]);
  expect(run.run.jobs.map((job) => job.state)).toEqual(['queued', 'waiting', 'waiting']);
  run.end('m', 'failed');
  expect(run.run.jobs.map((job) => job.state)).toEqual(['failed', 'cancelled', 'cancelled']);
  expect(run.run.state).toBe('failed');
});

test('max-parallel releases the next combination when one ends', () => {
  const run = new Driver([
    definition('m', { matrix: { values: { n: [1, 2] } as never, failFast: false, maxParallel: 1 } }),
  ]);
  run.end('m', 'failed');
  expect(run.run.jobs.map((job) => job.state)).toEqual(['failed', 'queued']);
  run.end('m', 'succeeded', 1);
  expect(run.run.state).toBe('failed');
});

test('continue-on-error keeps the run green and what needs it going', () => {
  const run = new Driver([definition('a', { continueOnError: true }), definition('b', { needs: ['a'] })]);
  run.end('a', 'failed').end('b', 'succeeded');
  expect(run.run.state).toBe('succeeded');
});

test('cancelling stops what runs, cancels what waits, and runs always() jobs', () => {
  const run = new Driver([
    definition('a'),
    definition('b', { needs: ['a'] }),
    definition('c', { needs: ['a'], condition: 'always()' }),
  ]);
  run.do({ kind: 'jobStarted', jobId: run.job('a').id }).do({ kind: 'cancelRequested', reason: 'by hand' });
  expect(run.effects).toContain('cancelJob');
  run.do({
    kind: 'jobEnded',
    jobId: run.job('a').id,
    conclusion: 'cancelled',
    outputs: {},
    reason: 'by hand',
  });
  expect(run.states()).toMatchObject({ a: 'cancelled', b: 'cancelled', c: 'queued' });
  run.end('c', 'succeeded');
  expect(run.run.state).toBe('cancelled');
});

test('an expression that cannot be evaluated fails its job with the reason', () => {
  const run = new Driver([definition('a', { condition: 'boom' })]);
  expect(run.job('a')).toMatchObject({ state: 'failed', reason: 'cannot evaluate boom' });
  expect(run.run.state).toBe('failed');
});

test('news of a job that has ended are refused, and advance is idempotent', () => {
  const run = new Driver([definition('a'), definition('b')]);
  run.end('a', 'succeeded');
  const again = decide(
    run.run,
    { kind: 'jobEnded', jobId: run.job('a').id, conclusion: 'failed', outputs: {}, reason: null },
    world(),
  );
  expect(again).toMatchObject({ ok: false, refusal: { code: 'jobEnded' } });
  const before = run.run;
  run.do({ kind: 'advance' });
  expect(run.run).toEqual(before);
});

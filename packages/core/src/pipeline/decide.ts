import type { Json, JsonObject } from '../kernel/json.ts';
import { accept, type Result, refuse } from '../kernel/result.ts';
import { expandMatrix } from './matrix.ts';
import {
  type Conclusion,
  isEnded,
  type Job,
  type JobDefinition,
  type Run,
  type RunEffect,
  type RunEvent,
  type RunRefusal,
  type RunState,
  type Values,
} from './pipeline.ts';
import type { RunWorld, StatusView } from './ports.ts';

/**
 * The machine of one run. Every event is followed by `advance`, which is idempotent: it expands
 * each job whose needs have ended, queues what may run, skips what must not, and ends the run
 * when nothing is left. Asking for `advance` at any time, any number of times, is safe: that is
 * what the controller's scan does.
 */
export interface Decision {
  readonly run: Run;
  readonly effects: readonly RunEffect[];
}

const MATRIX_LIMIT = 256;

export function decide(run: Run, event: RunEvent, world: RunWorld): Result<Decision, RunRefusal> {
  const applied = apply(run, event);
  if (!applied.ok) return applied;
  return accept(advance(applied.value, world));
}

function apply(run: Run, event: RunEvent): Result<Decision, RunRefusal> {
  if (isEnded(run.state) && event.kind !== 'advance') {
    return refuse({ code: 'runEnded', sentence: `run ${run.id} has already ${run.state}` });
  }
  switch (event.kind) {
    case 'advance':
      return accept({ run, effects: [] });
    case 'cancelRequested':
      return accept(cancelRun(run, event.reason));
    case 'jobStarted':
      return changeJob(run, event.jobId, (job) => ({ ...job, state: 'running' }));
    case 'jobEnded':
      return changeJob(run, event.jobId, (job) => ({
        ...job,
        state: event.conclusion,
        outputs: event.outputs,
        reason: event.reason,
      }));
    case 'jobAnswered':
      return answerJob(run, event);
  }
}

function answerJob(
  run: Run,
  event: { readonly jobId: string; readonly rerun: boolean },
): Result<Decision, RunRefusal> {
  const job = run.jobs.find((candidate) => candidate.id === event.jobId);
  if (job && !isEnded(job.state) && job.asks === null)
    return refuse({ code: 'jobAsksNothing', sentence: `job ${job.name} asks nothing` });
  return changeJob(run, event.jobId, (asking) =>
    event.rerun
      ? { ...asking, state: 'waiting', asks: null }
      : { ...asking, state: 'failed', asks: null, reason: `${asking.asks}; it was not run again` },
  );
}

function changeJob(run: Run, id: string, change: (job: Job) => Job): Result<Decision, RunRefusal> {
  const job = run.jobs.find((candidate) => candidate.id === id);
  if (!job) return refuse({ code: 'jobUnknown', sentence: `run ${run.id} has no job ${id}` });
  if (isEnded(job.state)) {
    return refuse({ code: 'jobEnded', sentence: `job ${job.name} has already ${job.state}` });
  }
  const changed = change(job);
  const jobs = run.jobs.map((other) => (other.id === id ? changed : other));
  const next = { ...run, jobs };
  return accept(
    changed.state === 'failed' && !changed.continueOnError
      ? failFast(next, changed)
      : { run: next, effects: [] },
  );
}

/** One combination of a matrix failed: the others of it are stopped, unless fail-fast is off. */
function failFast(run: Run, failed: Job): Decision {
  if (failed.matrix === null || !failed.failFast) return { run, effects: [] };
  const siblings = run.jobs.filter((job) => job.key === failed.key && !isEnded(job.state));
  return stopJobs(run, siblings, `${failed.name} failed and fail-fast is on`);
}

function cancelRun(run: Run, reason: string): Decision {
  const live = run.jobs.filter((job) => !isEnded(job.state));
  const stopped = stopJobs({ ...run, cancelRequested: true, reason }, live, reason);
  return stopped;
}

function stopJobs(run: Run, victims: readonly Job[], reason: string): Decision {
  const running = victims.filter((job) => job.state === 'running');
  const jobs = run.jobs.map(
    (job): Job =>
      victims.includes(job) && job.state !== 'running' ? { ...job, state: 'cancelled', reason } : job,
  );
  return { run: { ...run, jobs }, effects: running.map((job) => ({ kind: 'cancelJob', jobId: job.id })) };
}

function advance(decision: Decision, world: RunWorld): Decision {
  let { run } = decision;
  if (isEnded(run.state)) return decision;
  const effects = [...decision.effects];
  for (const definition of run.definition.jobs) {
    const expanded = expandJob(run, definition, world);
    if (expanded) run = { ...run, jobs: [...run.jobs, ...expanded] };
  }
  const released = releaseWaiting(run);
  run = released.run;
  effects.push(...released.effects);
  const state = stateOf(run);
  if (isEnded(state)) effects.push({ kind: 'announceRunEnded', state });
  // A skipped job may have let others become ready in this very pass.
  const next = { run: { ...run, state }, effects };
  const progressed = run.jobs.length > decision.run.jobs.length;
  return progressed && !isEnded(state) ? advance(next, world) : next;
}

function expandJob(run: Run, definition: JobDefinition, world: RunWorld): Job[] | null {
  if (run.jobs.some((job) => job.key === definition.key)) return null;
  const needed = definition.needs.map((key) => resultOf(run, key));
  if (needed.some((result) => result === null)) return null;
  const values = jobValues(run, definition);
  try {
    return expandReadyJob(run, definition, { world, values });
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ExpressionError') throw error;
    return [blankJob(definition, world.newId(), { state: 'failed', reason: error.message })];
  }
}

interface Expansion {
  readonly world: RunWorld;
  readonly values: Values;
}

function expandReadyJob(run: Run, definition: JobDefinition, { world, values }: Expansion): Job[] {
  const { expressions, newId } = world;
  const status = statusFor(run, definition);
  if (run.cancelRequested && !/\b(always|cancelled)\s*\(/.test(definition.condition)) {
    return [blankJob(definition, newId(), { state: 'cancelled', reason: run.reason })];
  }
  if (!expressions.condition(definition.condition, values, status)) {
    return [blankJob(definition, newId(), { state: 'skipped', reason: `if: ${definition.condition}` })];
  }
  const combinations = combinationsOf(definition, { world, values }, status);
  const { matrix } = definition;
  const evaluate = (template: Parameters<typeof expressions.value>[0], of: Values) =>
    expressions.value(template, of, status);
  return combinations.map((combination, index): Job => {
    const own = combination === null ? values : { ...values, matrix: combination };
    return {
      ...blankJob(definition, newId(), { state: 'waiting', reason: null }),
      name: nameOf(definition, combination, evaluate(definition.name, own)),
      matrix: combination,
      matrixIndex: index,
      matrixTotal: combinations.length,
      failFast: matrix ? evaluate(matrix.failFast, values) !== false : true,
      maxParallel: matrix ? Number(evaluate(matrix.maxParallel, values) ?? 0) || 0 : 0,
      labels: labelsOf(evaluate(definition.runsOn, own)),
      continueOnError: evaluate(definition.continueOnError, own) === true,
    };
  });
}

function combinationsOf(
  definition: JobDefinition,
  { world, values }: Expansion,
  status: StatusView,
): readonly (JsonObject | null)[] {
  if (!definition.matrix) return [null];
  const matrix = world.expressions.value(definition.matrix.values, values, status);
  const combinations = expandMatrix(matrix, MATRIX_LIMIT);
  if (combinations.ok) return combinations.value;
  const error = new Error(`the matrix of job ${definition.key} cannot be expanded: ${combinations.refusal}`);
  error.name = 'ExpressionError';
  throw error;
}

function blankJob(
  definition: JobDefinition,
  id: string,
  outcome: { readonly state: RunState; readonly reason: string | null },
): Job {
  return {
    id,
    key: definition.key,
    name: definition.key,
    matrix: null,
    matrixIndex: 0,
    matrixTotal: 1,
    failFast: true,
    maxParallel: 0,
    labels: [],
    lane: definition.lane,
    continueOnError: false,
    outputs: {},
    asks: null,
    ...outcome,
  };
}

function nameOf(definition: JobDefinition, combination: JsonObject | null, given: Json): string {
  const name = typeof given === 'string' && given !== '' ? given : definition.key;
  if (combination === null || typeof definition.name !== 'string') return name;
  return `${name} (${Object.values(combination).map(String).join(', ')})`;
}

function labelsOf(runsOn: Json): readonly string[] {
  if (Array.isArray(runsOn)) return runsOn.map(String);
  return runsOn === null ? [] : [String(runsOn)];
}

/** Queues waiting jobs as far as max-parallel of their matrix lets them. */
function releaseWaiting(run: Run): Decision {
  const effects: RunEffect[] = [];
  const live = new Map<string, number>();
  for (const job of run.jobs) {
    if (job.state === 'queued' || job.state === 'running') live.set(job.key, (live.get(job.key) ?? 0) + 1);
  }
  const jobs = run.jobs.map((job): Job => {
    const count = live.get(job.key) ?? 0;
    if (job.state !== 'waiting' || job.asks !== null) return job;
    if (job.maxParallel > 0 && count >= job.maxParallel) return job;
    live.set(job.key, count + 1);
    effects.push({ kind: 'enqueueJob', jobId: job.id });
    return { ...job, state: 'queued' };
  });
  return { run: { ...run, jobs }, effects };
}

function stateOf(run: Run): RunState {
  const complete = run.definition.jobs.every((definition) => resultOf(run, definition.key) !== null);
  if (!complete) {
    if (run.jobs.some((job) => job.state === 'running' || isEnded(job.state))) return 'running';
    return 'queued';
  }
  const counted = run.jobs.filter((job) => !(job.state === 'failed' && job.continueOnError));
  if (counted.some((job) => job.state === 'failed')) return 'failed';
  if (run.cancelRequested || counted.some((job) => job.state === 'cancelled')) return 'cancelled';
  return counted.every((job) => job.state === 'skipped') && counted.length > 0 ? 'skipped' : 'succeeded';
}

/** The result of a job of the definition: that of all its combinations together, null while any is live. */
export function resultOf(run: Run, key: string): Conclusion | null {
  const jobs = run.jobs.filter((job) => job.key === key);
  if (jobs.length === 0 || jobs.some((job) => !isEnded(job.state))) return null;
  const results = jobs.map((job) =>
    job.state === 'failed' && job.continueOnError ? 'succeeded' : job.state,
  );
  if (results.includes('failed')) return 'failed';
  if (results.includes('cancelled')) return 'cancelled';
  return results.includes('succeeded') ? 'succeeded' : 'skipped';
}

/** GitHub's words for results in the `needs` context. */
const RESULT_WORDS: Record<Conclusion, string> = {
  succeeded: 'success',
  failed: 'failure',
  cancelled: 'cancelled',
  skipped: 'skipped',
};

export function jobValues(run: Run, definition: JobDefinition): Values {
  const needs = Object.fromEntries(
    definition.needs.map((key) => {
      const outputs = Object.assign(
        {},
        ...run.jobs.filter((job) => job.key === key).map((job) => job.outputs),
      );
      return [key, { result: RESULT_WORDS[resultOf(run, key) ?? 'skipped'], outputs }];
    }),
  );
  return { ...run.contexts, needs };
}

/** `success()` of a job looks at everything it needs, directly or not. */
function statusFor(run: Run, definition: JobDefinition): StatusView {
  const results = ancestorsOf(run, definition).map((key) => resultOf(run, key));
  return {
    success: !run.cancelRequested && results.every((result) => result === 'succeeded'),
    failure: results.includes('failed'),
    cancelled: run.cancelRequested,
  };
}

function ancestorsOf(run: Run, definition: JobDefinition): readonly string[] {
  const seen = new Set<string>();
  const visit = (needs: readonly string[]) => {
    for (const key of needs) {
      if (seen.has(key)) continue;
      seen.add(key);
      visit(run.definition.jobs.find((job) => job.key === key)?.needs ?? []);
    }
  };
  visit(definition.needs);
  return [...seen];
}

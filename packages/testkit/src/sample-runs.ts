import { newId } from '@holdfast/contract/id.ts';
import { decide } from '@holdfast/core/pipeline/decide.ts';
import type {
  JobDefinition,
  Run,
  StepDefinition,
  WorkflowDefinition,
} from '@holdfast/core/pipeline/pipeline.ts';
import { plainExpressions } from './plain-expressions.ts';

/** Runs without a repository behind them: jobs of plain steps, one after the other or side by side. */
export interface SampleJob {
  readonly key: string;
  readonly steps: number;
  readonly needs?: readonly string[];
  /** HOLDFAST_ON_LOST of every step. */
  readonly onLost?: 'rerun' | 'fail' | 'ask';
}

export function sampleWorkflow(jobs: readonly SampleJob[]): WorkflowDefinition {
  return { name: 'sample', path: '.holdfast/workflows/sample.yml', env: null, jobs: jobs.map(sampleJob) };
}

export function sampleRun(id: string, definition: WorkflowDefinition): Run {
  return {
    id,
    state: 'queued',
    definition,
    contexts: { github: { repository: 'sample', ref_name: 'main' }, inputs: {}, vars: {} },
    jobs: [],
    cancelRequested: false,
    reason: null,
  };
}

/** A run of one job, queued as a push would queue it. */
export function queuedRun(steps = 1): { readonly run: Run; readonly jobId: string } {
  const blank = sampleRun(newId(), sampleWorkflow([{ key: 'job', steps }]));
  const decided = decide(blank, { kind: 'advance' }, { expressions: plainExpressions, newId });
  if (!decided.ok) throw new Error(decided.refusal.sentence);
  return { run: decided.value.run, jobId: decided.value.run.jobs[0]?.id as string };
}

function sampleJob({ key, steps, needs = [], onLost = 'rerun' }: SampleJob): JobDefinition {
  return {
    key,
    name: key,
    needs,
    condition: 'success()',
    runsOn: 'linux',
    matrix: null,
    env: null,
    outputs: null,
    continueOnError: null,
    timeoutMinutes: null,
    shell: null,
    workingDirectory: null,
    steps: Array.from({ length: steps }, () => sampleStep(onLost)),
    lane: 'agent',
  };
}

function sampleStep(onLost: string): StepDefinition {
  return {
    id: null,
    name: null,
    condition: 'success()',
    action: { kind: 'run', script: 'true', shell: null, workingDirectory: null },
    env: { members: [['HOLDFAST_ON_LOST', onLost]] },
    continueOnError: null,
    timeoutMinutes: null,
  };
}

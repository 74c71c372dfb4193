import type {
  JobDefinition,
  Run,
  StepDefinition,
  WorkflowDefinition,
} from '@holdfast/core/pipeline/pipeline.ts';

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

import type { Json, JsonObject } from '../kernel/json.ts';

/**
 * The nouns of a pipeline: run → job → step → attempt.
 *
 *   queued ──▶ waiting ──▶ running ──▶ succeeded | failed | cancelled
 *      └────────────────────────────▶ skipped
 *
 * A run's definition is frozen when the run is created. A job of the definition becomes one job
 * of the run, or one for each combination of its matrix, when everything it needs has ended.
 */
export const RUN_STATES = [
  'queued',
  'waiting',
  'running',
  'succeeded',
  'failed',
  'cancelled',
  'skipped',
] as const;
export type RunState = (typeof RUN_STATES)[number];

export const ATTEMPT_STATES = [
  'leased',
  'running',
  'succeeded',
  'failed',
  'cancelled',
  'skipped',
  'lost',
] as const;
export type AttemptState = (typeof ATTEMPT_STATES)[number];

export type Conclusion = 'succeeded' | 'failed' | 'cancelled' | 'skipped';

/** A value of the workflow file in which some parts are still expressions. */
export type Template =
  | null
  | boolean
  | number
  | string
  | { readonly expression: string }
  | { readonly items: readonly Template[] }
  | { readonly members: readonly (readonly [string, Template])[] };

export interface StepDefinition {
  readonly id: string | null;
  readonly name: Template;
  /** The expression of `if`, without `${{ }}`; `success()` where the file has none. */
  readonly condition: string;
  readonly action: StepAction;
  readonly env: Template;
  readonly continueOnError: Template;
  readonly timeoutMinutes: Template;
}

export type StepAction =
  | {
      readonly kind: 'run';
      readonly script: Template;
      readonly shell: string | null;
      readonly workingDirectory: Template;
    }
  | { readonly kind: 'uses'; readonly uses: string; readonly with: Template };

export interface MatrixDefinition {
  readonly values: Template;
  readonly failFast: Template;
  readonly maxParallel: Template;
}

export interface JobDefinition {
  readonly key: string;
  readonly name: Template;
  readonly needs: readonly string[];
  readonly condition: string;
  readonly runsOn: Template;
  readonly matrix: MatrixDefinition | null;
  readonly env: Template;
  readonly outputs: Template;
  readonly continueOnError: Template;
  readonly timeoutMinutes: Template;
  readonly shell: string | null;
  readonly workingDirectory: string | null;
  readonly steps: readonly StepDefinition[];
  /** `controller`: every step is a duty of the controller (deploy): no agent, no slot. */
  readonly lane: 'agent' | 'controller';
}

export interface WorkflowDefinition {
  readonly name: string;
  readonly path: string;
  readonly env: Template;
  readonly jobs: readonly JobDefinition[];
}

export interface Job {
  readonly id: string;
  readonly key: string;
  readonly name: string;
  readonly state: RunState;
  /** null: not a matrix job. The combination otherwise. */
  readonly matrix: JsonObject | null;
  readonly matrixIndex: number;
  readonly matrixTotal: number;
  readonly failFast: boolean;
  readonly maxParallel: number;
  readonly labels: readonly string[];
  readonly lane: 'agent' | 'controller';
  readonly continueOnError: boolean;
  readonly outputs: JsonObject;
  readonly reason: string | null;
  /** A question a person must answer before the job may run again; it waits for that. */
  readonly asks: string | null;
}

export interface Run {
  readonly id: string;
  readonly state: RunState;
  readonly definition: WorkflowDefinition;
  /** The `github`, `inputs` and `vars` contexts, frozen with the run. */
  readonly contexts: { readonly github: JsonObject; readonly inputs: JsonObject; readonly vars: JsonObject };
  readonly jobs: readonly Job[];
  readonly cancelRequested: boolean;
  readonly reason: string | null;
}

export type RunEvent =
  | { readonly kind: 'advance' }
  | { readonly kind: 'jobStarted'; readonly jobId: string }
  | {
      readonly kind: 'jobEnded';
      readonly jobId: string;
      readonly conclusion: Conclusion;
      readonly outputs: JsonObject;
      readonly reason: string | null;
    }
  | { readonly kind: 'cancelRequested'; readonly reason: string }
  /** A person answered what the job asked: run it again, or let it fail. */
  | { readonly kind: 'jobAnswered'; readonly jobId: string; readonly rerun: boolean };

export type RunEffect =
  /** The job may be claimed by an agent or by the controller. */
  | { readonly kind: 'enqueueJob'; readonly jobId: string }
  /** Whoever runs the job must stop it. */
  | { readonly kind: 'cancelJob'; readonly jobId: string }
  | { readonly kind: 'announceRunEnded'; readonly state: RunState };

export type RunRefusal = {
  readonly code: 'jobUnknown' | 'jobEnded' | 'jobAsksNothing' | 'runEnded';
  readonly sentence: string;
};

export function isEnded(state: RunState): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled' || state === 'skipped';
}

export type Values = { readonly [context: string]: Json };

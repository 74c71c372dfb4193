import type { Run } from '@holdfast/core/pipeline/pipeline.ts';
import type { PipelineStore } from '@holdfast/core/pipeline/ports.ts';

/** The truth that a simulated world stands on, and what the simulator may look at in it. */
export interface Backend {
  readonly store: PipelineStore;
  addRun(run: Run, repository: string): Promise<void>;
  job(jobId: string): Promise<JobFacts | null>;
  /** Everything, for the invariants. */
  look(): Promise<Facts>;
  /** The sequencer's one action: what is visible gets its place. */
  placeEvents(): Promise<void>;
  eventsAfter(position: number): Promise<readonly SeenEvent[]>;
  /** As a reader would that remembers the highest id it saw. */
  eventsAboveId(id: number): Promise<readonly SeenEvent[]>;
  close(): Promise<void>;
}

export interface SeenEvent {
  readonly id: number;
  readonly position: number;
}

export interface JobFacts {
  readonly runId: string;
  readonly key: string;
  readonly epoch: number;
  readonly from: number;
  readonly checkpoint: string | null;
  readonly asks: string | null;
}

export interface Facts {
  readonly runs: readonly { readonly id: string; readonly state: string }[];
  readonly jobs: readonly (JobFacts & {
    readonly id: string;
    readonly state: string;
    readonly reason: string | null;
    readonly agentId: string | null;
  })[];
  readonly attempts: readonly AttemptFacts[];
  readonly logs: ReadonlyMap<string, string>;
  readonly eventIds: readonly number[];
}

export interface AttemptFacts {
  readonly id: string;
  readonly jobId: string;
  readonly index: number;
  readonly epoch: number;
  readonly state: string;
  readonly counted: boolean;
}

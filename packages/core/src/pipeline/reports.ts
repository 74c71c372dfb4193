import type { JsonObject } from '../kernel/json.ts';
import type { Conclusion } from './pipeline.ts';

/**
 * What an agent tells about the jobs it holds. Every report names the lease (job, epoch) it was made
 * under and bears ids of the agent's own making, so that saying it twice is saying it once.
 */
interface UnderLease {
  readonly jobId: string;
  readonly epoch: number;
}

interface OfAttempt extends UnderLease {
  readonly attemptId: string;
  /** The step's place in its job, from 0. */
  readonly index: number;
  readonly name: string;
}

export interface LeaseAcknowledged extends UnderLease {
  readonly kind: 'leaseAcknowledged';
}

/** The agent cannot do this job: its checkpoint cannot be restored here. Somebody else begins earlier. */
export interface LeaseReturned extends UnderLease {
  readonly kind: 'leaseReturned';
  /** The blob that was missing or damaged; null: the job as it is cannot be held here. */
  readonly checkpoint: string | null;
  readonly reason: string;
}

export interface StepStarted extends OfAttempt {
  readonly kind: 'stepStarted';
}

export interface StepFinished extends OfAttempt {
  readonly kind: 'stepFinished';
  readonly conclusion: Conclusion;
  /** What the step itself did, before continue-on-error. */
  readonly outcome: Conclusion;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly reason: string | null;
  readonly durationMs: number;
  readonly outputs: Readonly<Record<string, string>>;
  readonly annotations: readonly Annotation[];
  readonly summary: string | null;
  /** Blob that another agent restores to go on at the next step; null: this step wrote none. */
  readonly checkpoint: string | null;
  /** Set when the job stopped being portable with this step: why it could not go on elsewhere. */
  readonly notPortable: string | null;
  /** Kept, and it does not count: run again at once, as HOLDFAST_RETRY says, or done again, as HOLDFAST_ON_RESTORE says. */
  readonly again: boolean;
}

export interface Annotation {
  readonly level: 'error' | 'warning' | 'notice';
  readonly message: string;
  readonly place: string | null;
}

export interface JobFinished extends UnderLease {
  readonly kind: 'jobFinished';
  readonly conclusion: Conclusion;
  readonly outputs: JsonObject;
  readonly reason: string | null;
}

export type Report = LeaseAcknowledged | LeaseReturned | StepStarted | StepFinished | JobFinished;

/** What a job came to, as its agent told it and before the run's machine has heard of it. */
export type JobResult = Pick<JobFinished, 'conclusion' | 'outputs' | 'reason'>;

/** Accepted: it counts. Fenced: the lease is somebody else's, it is kept and never counts. Refused: it cannot be kept. */
export interface ReportAnswer {
  readonly number: number;
  readonly outcome: 'accepted' | 'fenced' | 'refused';
  readonly reason: string | null;
}

/** A piece of a step's log by byte offset. */
export interface LogPiece {
  readonly attemptId: string;
  readonly offset: number;
  readonly text: string;
}

/** Everything one agent says in one round trip. Reports are numbered within the agent's session. */
export interface AgentNews {
  readonly agentId: string;
  readonly sessionId: string;
  readonly reports: readonly { readonly number: number; readonly report: Report }[];
  readonly logs: readonly LogPiece[];
}

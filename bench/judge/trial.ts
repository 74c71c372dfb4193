/**
 * What a rule sees of a second, and how far its rollout came. Every rule drives a rollout of its own over
 * the same traffic: at the same second and weight it sees the same counts as any other.
 */
export interface ArmSecond {
  readonly requests: number;
  readonly failed: number;
  /** Requests; with sticky users (user, second), counted once. */
  readonly units: number;
  readonly failedUnits: number;
  /** Where users are sticky: for whom something failed; null where they are not. */
  readonly failedBuckets: readonly number[] | null;
  /** Histogram of core/analysis/histogram.ts: bucket numbers and, at the same place, how many. */
  readonly buckets: readonly number[];
  readonly counts: readonly number[];
}

export interface Second {
  readonly candidate: ArmSecond;
  /** All concurrent stable traffic, the fresh baseline's included. */
  readonly stable: ArmSecond;
  readonly baseline: ArmSecond;
}

export interface Trial {
  readonly progress: Progress;
  /** `elapsed`: whole seconds since the candidate first got traffic, this one included. */
  see(elapsed: number, seen: Second): void;
}

/** Steps of the candidate's share in basis points, and where a rollout over them ended. */
export class Progress {
  outcome: 'running' | 'aborted' | 'promoted' = 'running';
  endedAt = 0;
  since = 0;
  private step = 0;
  private readonly steps: readonly number[];

  constructor(steps: readonly number[]) {
    this.steps = steps;
  }

  get weight(): number {
    return this.steps[this.step] ?? 0;
  }

  get onLastStep(): boolean {
    return this.step === this.steps.length - 1;
  }

  advance(elapsed: number): void {
    if (this.onLastStep) this.end('promoted', elapsed);
    this.step += 1;
    this.since = elapsed;
  }

  abort(elapsed: number): void {
    this.end('aborted', elapsed);
  }

  private end(outcome: 'aborted' | 'promoted', elapsed: number): void {
    this.outcome = outcome;
    this.endedAt = elapsed;
  }
}

/** What every rule here is given for a step and at the start, as holdfast.yaml has it by default. */
export const DWELL_SECONDS = 300;
export const WARM_SECONDS = 10;

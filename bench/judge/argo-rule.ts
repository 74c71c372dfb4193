import { Tally } from './tally.ts';
import { DWELL_SECONDS, Progress, type Second, type Trial } from './trial.ts';

/**
 * Argo Rollouts (reference/rollouts.md §2.3): the background analysis of its documentation, successCondition
 * `result[0] >= 0.95` and failureLimit 3, measured every minute over that minute, beside timed steps. More
 * than three failed measurements abort. A quiet minute divides zero by zero, and NaN fails the condition;
 * before the first request ever there is no result[0], an error that is tried again every ten seconds, and
 * the fifth error on end aborts.
 */
const INTERVAL_SECONDS = 60;
const RETRY_SECONDS = 10;
const SUCCESS_MIN = 0.95;
const FAILURE_LIMIT = 3;
const CONSECUTIVE_ERROR_LIMIT = 4;

export class ArgoRule implements Trial {
  readonly progress: Progress;
  private minute = new Tally();
  private everServed = false;
  private nextAt = INTERVAL_SECONDS;
  private failed = 0;
  private errors = 0;

  constructor(steps: readonly number[]) {
    this.progress = new Progress(steps);
  }

  see(elapsed: number, { candidate }: Second): void {
    this.minute.add(candidate);
    if (candidate.requests > 0) this.everServed = true;
    if (elapsed >= this.nextAt) this.measure(elapsed);
    if (this.failed > FAILURE_LIMIT || this.errors > CONSECUTIVE_ERROR_LIMIT) {
      return this.progress.abort(elapsed);
    }
    if (elapsed - this.progress.since >= DWELL_SECONDS) this.progress.advance(elapsed);
  }

  private measure(elapsed: number): void {
    if (!this.everServed) {
      this.errors += 1;
      this.nextAt = elapsed + RETRY_SECONDS;
      return;
    }
    const errors = this.minute.errorRate();
    if (errors === null || 1 - errors < SUCCESS_MIN) this.failed += 1;
    this.errors = 0;
    this.minute = new Tally();
    this.nextAt = elapsed + INTERVAL_SECONDS;
  }
}

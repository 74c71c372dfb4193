import { Tally } from './tally.ts';
import { Progress, type Second, type Trial } from './trial.ts';

/**
 * Flagger (reference/rollouts.md §2.3) with the figures of its documentation: every minute the canary's
 * success rate must be at least 99 % and its p99 at most 500 ms, both of that minute. A failed check, and
 * a minute without a request is one, keeps the weight and counts; five of them, in whatever order, roll
 * back. A step here is five passed checks, so that it is as long as everybody else's.
 */
const INTERVAL_SECONDS = 60;
const CHECKS_A_STEP = 5;
const THRESHOLD = 5;
const SUCCESS_MIN = 0.99;
const P99_MAX_MS = 500;

export class FlaggerRule implements Trial {
  readonly progress: Progress;
  private minute = new Tally();
  private passed = 0;
  private failedChecks = 0;

  constructor(steps: readonly number[]) {
    this.progress = new Progress(steps);
  }

  see(elapsed: number, { candidate }: Second): void {
    this.minute.add(candidate);
    if (elapsed % INTERVAL_SECONDS !== 0) return;
    if (passes(this.minute)) this.passed += 1;
    else this.failedChecks += 1;
    this.minute = new Tally();
    if (this.failedChecks >= THRESHOLD) return this.progress.abort(elapsed);
    if (this.passed < CHECKS_A_STEP) return;
    this.passed = 0;
    this.progress.advance(elapsed);
  }
}

function passes(minute: Tally): boolean {
  const errors = minute.errorRate();
  const p99 = minute.quantileMs(0.99);
  return errors !== null && p99 !== null && 1 - errors >= SUCCESS_MIN && p99 <= P99_MAX_MS;
}

import { Tally } from './tally.ts';
import { Progress, type Second, type Trial } from './trial.ts';

/**
 * "Abort when errors are 0.2 points or p95 50 ms above stable for five minutes", taken literally in the two
 * ways of reference/rollouts.md §2.5, looked at every ten seconds. N5: over a sliding window of five
 * minutes, at any look. N1: over a sliding minute, at every look of five minutes on end. Its steps are ten
 * minutes, because in five it could not speak before the first one is over.
 */
const STEP_SECONDS = 600;
const LOOK_SECONDS = 10;
const FOR_SECONDS = 300;
const ERROR_INCREASE = 0.002;
const P95_INCREASE_MS = 50;

export class FiveMinuteRule implements Trial {
  readonly progress: Progress;
  private readonly windowSeconds: number;
  private readonly looksOnEnd: number;
  private readonly window: Second[] = [];
  private readonly candidate = new Tally();
  private readonly stable = new Tally();
  private over = 0;

  constructor(steps: readonly number[], form: 'N5' | 'N1') {
    this.progress = new Progress(steps);
    this.windowSeconds = form === 'N5' ? FOR_SECONDS : 60;
    this.looksOnEnd = form === 'N5' ? 1 : FOR_SECONDS / LOOK_SECONDS;
  }

  see(elapsed: number, seen: Second): void {
    this.slide(seen);
    if (elapsed % LOOK_SECONDS === 0 && this.window.length === this.windowSeconds) {
      this.over = this.exceeds() ? this.over + 1 : 0;
      if (this.over >= this.looksOnEnd) return this.progress.abort(elapsed);
    }
    if (elapsed - this.progress.since >= STEP_SECONDS) this.progress.advance(elapsed);
  }

  private slide(seen: Second): void {
    this.window.push(seen);
    this.candidate.add(seen.candidate);
    this.stable.add(seen.stable);
    if (this.window.length <= this.windowSeconds) return;
    const gone = this.window.shift() as Second;
    this.candidate.add(gone.candidate, -1);
    this.stable.add(gone.stable, -1);
  }

  private exceeds(): boolean {
    const { candidate, stable } = this;
    if (candidate.requests === 0 || stable.requests === 0) return false;
    const errors = (candidate.errorRate() ?? 0) - (stable.errorRate() ?? 0);
    const slower = (candidate.quantileMs(0.95) ?? 0) - (stable.quantileMs(0.95) ?? 0);
    return errors > ERROR_INCREASE || slower > P95_INCREASE_MS;
  }
}

import { shiftOf } from './mann-whitney.ts';
import { Tally } from './tally.ts';
import { DWELL_SECONDS, Progress, type Second, type Trial } from './trial.ts';

/**
 * Kayenta's NetflixACAJudge-v1.0 (reference/rollouts.md §2.1) against the fresh baseline of the same size:
 * the error rate in per cent and p95 in ms as points of a minute, direction increase, a weight of 50 each;
 * points without a request are left out. All points so far are judged at the end of every step (a growing
 * window, an interval of five minutes). Below 75 the rollout ends, and at the last step below 95.
 */
const POINT_SECONDS = 60;
const TOLERANCE = 0.25;
const ALLOWED_INCREASE = 1;
const MARGINAL = 75;
const PASS = 95;
/** Step 2: both sides constant and different get noise of this part of their value. */
const NOISE = 1e-5;

type Verdict = 'pass' | 'high' | 'nodata';

interface Series {
  readonly errors: number[];
  readonly p95: number[];
}

export class KayentaRule implements Trial {
  readonly progress: Progress;
  private readonly experiment: Series = { errors: [], p95: [] };
  private readonly control: Series = { errors: [], p95: [] };
  private candidate = new Tally();
  private baseline = new Tally();

  constructor(steps: readonly number[]) {
    this.progress = new Progress(steps);
  }

  see(elapsed: number, seen: Second): void {
    this.candidate.add(seen.candidate);
    this.baseline.add(seen.baseline);
    if (elapsed % POINT_SECONDS === 0) this.endPoint();
    if (elapsed - this.progress.since < DWELL_SECONDS) return;
    const { experiment, control } = this;
    const score = summaryOf([
      verdictOf(experiment.errors, control.errors),
      verdictOf(experiment.p95, control.p95),
    ]);
    if (score < (this.progress.onLastStep ? PASS : MARGINAL)) this.progress.abort(elapsed);
    else this.progress.advance(elapsed);
  }

  private endPoint(): void {
    point(this.experiment, this.candidate);
    point(this.control, this.baseline);
    this.candidate = new Tally();
    this.baseline = new Tally();
  }
}

function point(series: Series, minute: Tally): void {
  const errors = minute.errorRate();
  const p95 = minute.quantileMs(0.95);
  if (errors === null || p95 === null) return;
  series.errors.push(errors * 100);
  series.p95.push(p95);
}

function verdictOf(experiment: readonly number[], control: readonly number[]): Verdict {
  if (experiment.length === 0 || control.length === 0) return 'nodata';
  const distinct = [new Set(experiment).size, new Set(control).size];
  if (sameSorted(experiment, control) || new Set([...experiment, ...control]).size === 1) return 'pass';
  const constant = distinct[0] === 1 && distinct[1] === 1;
  const { low, estimate } = constant
    ? shiftOf(noisy(experiment), noisy(control))
    : shiftOf(experiment, control);
  const ratio = mean(experiment) / mean(control);
  const allowed = mean(experiment) !== 0 && mean(control) !== 0 && ratio < ALLOWED_INCREASE;
  return low > TOLERANCE * Math.abs(estimate) && !allowed ? 'high' : 'pass';
}

/** Steps 6: groups without data count in full, unless half of all metrics have none. */
function summaryOf(verdicts: readonly Verdict[]): number {
  const share = (verdict: Verdict) => verdicts.filter((other) => other === verdict).length / verdicts.length;
  return share('nodata') >= 0.5 ? 0 : 100 * (share('pass') + share('nodata'));
}

function sameSorted(one: readonly number[], other: readonly number[]): boolean {
  const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b).join(' ');
  return sorted(one) === sorted(other);
}

/** A fixed pattern instead of Gaussian noise: no tie is what it is for. */
function noisy(values: readonly number[]): readonly number[] {
  return values.map((value, index) => value * (1 + NOISE * Math.sin(12.9898 * (index + 1))));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

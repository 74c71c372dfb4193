import type { Scenario } from './scenario.ts';
import { Progress, type Second, type Trial } from './trial.ts';

/**
 * Nobody's rule: Wald's sequential test that is told both error rates beforehand and spends all of α = 1 %
 * on them. No judge that keeps to 1 % finds that change much faster, so it says which bound can be met.
 */
const ALPHA = 0.01;

export class BestPossibleRule implements Trial {
  readonly progress: Progress;
  private readonly healthy: number;
  private readonly broken: number;
  private strength = 0;

  constructor(steps: readonly number[], { baseError, extraError }: Scenario) {
    this.progress = new Progress(steps);
    this.healthy = baseError;
    this.broken = Math.min(1, baseError + extraError);
  }

  see(elapsed: number, { candidate }: Second): void {
    const { healthy, broken } = this;
    const good = candidate.units - candidate.failedUnits;
    this.strength +=
      candidate.failedUnits * Math.log(broken / healthy) + good * Math.log((1 - broken) / (1 - healthy));
    if (this.strength >= Math.log(1 / ALPHA)) this.progress.abort(elapsed);
    else if (elapsed - this.progress.since >= 900) this.progress.advance(elapsed);
  }
}

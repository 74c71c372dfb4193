import { specialFunctions } from '@holdfast/controller/environments/special-functions.ts';
import type { ArmSample, Rule } from '@holdfast/core/analysis/analysis.ts';
import { addSample, noEvidence } from '@holdfast/core/analysis/evidence.ts';
import { judge } from '@holdfast/core/analysis/judge.ts';
import { type ArmSecond, DWELL_SECONDS, Progress, type Second, type Trial } from './trial.ts';

/** The one file that knows the product's judge. */
export { baselineShare } from '@holdfast/core/rollout/fleet.ts';

/** The defaults of contract/src/config/holdfast-yaml.ts. */
const RULE: Rule = {
  metrics: [],
  method: 'sequential',
  plainForMs: 0,
  alpha: 0.01,
  errorIncrease: 0.002,
  latencyQuantile: 0.95,
  latencyIncreaseMs: 50,
  minimumRequests: 100,
};
const DEADLINE_SECONDS = 900;
/** So long after a step's begin it is judged every second, then every `lookSeconds`. */
const CLOSE_SECONDS = 120;

/**
 * Judge and policy as core/rollout/decide.ts puts them together: worse ends it anywhere; after the dwell
 * `notWorse`, or that harm would show by now, goes on, at the deadline `undecided` (whenUndecided: advance) and `insufficientData`
 * (whenInsufficient: probe, and the probes pass) do.
 */
export class HoldfastRule implements Trial {
  readonly progress: Progress;
  private readonly lookSeconds: number;
  private evidence = noEvidence();

  constructor(steps: readonly number[], lookSeconds: number) {
    this.progress = new Progress(steps);
    this.lookSeconds = lookSeconds;
  }

  see(elapsed: number, { candidate, stable, baseline }: Second): void {
    const sample = {
      candidate: sampleOf(candidate),
      stable: sampleOf(stable),
      baseline: sampleOf(baseline),
    };
    this.evidence = addSample(this.evidence, sample, RULE);
    const inStep = elapsed - this.progress.since;
    if (inStep > CLOSE_SECONDS && elapsed % this.lookSeconds !== 0) return;
    const { verdict, wouldShow } = judge(this.evidence, RULE, specialFunctions);
    if (verdict === 'worse') this.progress.abort(elapsed);
    else if (inStep >= DEADLINE_SECONDS) this.progress.advance(elapsed);
    else if (inStep >= DWELL_SECONDS && (verdict === 'notWorse' || wouldShow)) this.progress.advance(elapsed);
  }
}

function sampleOf({ requests, units, failedUnits, failedBuckets, buckets, counts }: ArmSecond): ArmSample {
  const latency: { [bucket: string]: number } = {};
  for (let at = 0; at < buckets.length; at += 1) latency[buckets[at] as number] = counts[at] as number;
  return { requests, units, failedUnits, latency, failedUsers: failedBuckets };
}

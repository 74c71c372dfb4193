import { baselineShare } from './holdfast-rule.ts';
import { BucketCounts, type Latencies } from './latencies.ts';
import { Random } from './random.ts';
import { type Scenario, WHOLE } from './scenario.ts';
import type { ArmSecond, Second } from './trial.ts';
import { type Range, UserPopulation } from './user-population.ts';

/** Waves: load ×0.2 to ×1.8 over 20 min, errors ×0.32 to ×3.2 over 30 min, latency ×1 to ×2 with the load. */
const LOAD_PERIOD = 1_200;
const ERROR_PERIOD = 1_800;
const SLOWER_BUCKETS = 35;

/** One release's traffic, second by second, at whatever weight a rule has reached. */
export class Traffic {
  private readonly scenario: Scenario;
  private readonly latencies: Latencies;
  private readonly seeds: readonly [number, number];
  private readonly phases: readonly [number, number];
  private readonly users: UserPopulation | null;
  private readonly counts = new BucketCounts();

  constructor(scenario: Scenario, latencies: Latencies, seeds: readonly [number, number]) {
    const random = new Random(...seeds);
    this.scenario = scenario;
    this.latencies = latencies;
    this.seeds = seeds;
    this.phases = [random.next(), random.next()];
    this.users = scenario.shape === 'clustered' ? new UserPopulation(scenario, random) : null;
  }

  at(second: number, weight: number): Second {
    const random = new Random(this.seeds[0], this.seeds[1], second * (WHOLE + 1) + weight);
    const baseline = baselineShare(weight);
    const now = { ...this.moment(second), random };
    this.counts.clear();
    const candidate = this.arm({ from: 0, to: weight }, { ...now, worse: true });
    this.counts.clear();
    const fresh = this.arm({ from: WHOLE - baseline, to: WHOLE }, { ...now, worse: false });
    // Not cleared: stable is the baseline and the rest.
    const rest = this.arm({ from: weight, to: WHOLE - baseline }, { ...now, worse: false });
    return { candidate, stable: together(fresh, rest), baseline: fresh };
  }

  private moment(second: number) {
    const { shape, baseError } = this.scenario;
    if (shape !== 'waves') return { load: 1, error: baseError, slower: 0 };
    const load = Math.sin(2 * Math.PI * (second / LOAD_PERIOD + this.phases[0]));
    const error = Math.sin(2 * Math.PI * (second / ERROR_PERIOD + this.phases[1]));
    return {
      load: 1 + 0.8 * load,
      error: baseError * 10 ** (0.5 * error),
      slower: Math.round((SLOWER_BUCKETS * (1 + load)) / 2),
    };
  }

  private arm(range: Range, now: Moment): ArmSecond {
    const { scenario, users } = this;
    const extra = now.worse ? scenario.extraError : 0;
    const said = users
      ? users.second(range, { extra, random: now.random })
      : independent(now, { mean: (scenario.requestsPerSecond * (range.to - range.from)) / WHOLE, extra });
    const table = this.latencies.table(now.slower, now.worse ? scenario.extraMs : 0);
    this.counts.draw(said.requests, table, now.random);
    return { ...said, ...this.counts.read() };
  }
}

interface Moment {
  readonly load: number;
  readonly error: number;
  readonly slower: number;
  readonly worse: boolean;
  readonly random: Random;
}

function independent(now: Moment, { mean, extra }: { readonly mean: number; readonly extra: number }) {
  const requests = now.random.poisson(mean * now.load);
  const failed = now.random.binomial(requests, Math.min(1, now.error + extra));
  return { requests, failed, units: requests, failedUnits: failed, failedBuckets: null };
}

function together(fresh: ArmSecond, rest: ArmSecond): ArmSecond {
  return {
    requests: fresh.requests + rest.requests,
    failed: fresh.failed + rest.failed,
    units: fresh.units + rest.units,
    failedUnits: fresh.failedUnits + rest.failedUnits,
    failedBuckets: fresh.failedBuckets && [...fresh.failedBuckets, ...(rest.failedBuckets ?? [])],
    buckets: rest.buckets,
    counts: rest.counts,
  };
}

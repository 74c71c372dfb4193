import type {
  ArmSample,
  ArmTotals,
  Evidence,
  MetricEvidence,
  MetricSample,
  Rule,
  Sample,
} from './analysis.ts';
import { firstFailures, NOBODY } from './failed-users.ts';
import { countAbove, mergeHistograms, quantileMs } from './histogram.ts';
import { addValue, NO_VALUES } from './running.ts';
import { addSplit, startLogRatios } from './split-process.ts';

const NOTHING: ArmTotals = { units: 0, failedUnits: 0, requests: 0, latency: {} };

/**
 * Alternatives for errors are additions to stable's rate so far, in multiples of the user's margin:
 * the mixture is spent on harm that matters (bench judge: at 0.5 % base, +1 pp is found in three
 * quarters of the time that fixed ratios take).
 */
export const ERROR_ADDITIONS = [3, 6, 30] as const;
export const ERROR_WEIGHTS = [1, 4, 1] as const;
export const SLOW_RATIOS = [1.1, 1.25, 1.5, 2, 3, 5, 8, 13, 19] as const;
export const SLOW_WEIGHTS = SLOW_RATIOS.map(() => 1);
/** Before that the baseline's p95 is its slowest request; the test would hold, and say little. */
const SETTLED_REQUESTS = 20;

export function noEvidence(): Evidence {
  return {
    logRatios: startLogRatios(ERROR_ADDITIONS.length),
    slowLogRatios: startLogRatios(SLOW_RATIOS.length),
    failedUsers: NOBODY,
    expectedFailures: 0,
    candidate: NOTHING,
    stable: NOTHING,
    baseline: NOTHING,
    metrics: {},
    recent: [],
  };
}

const NO_METRIC: MetricEvidence = {
  pairs: NO_VALUES,
  candidate: NO_VALUES,
  before: NO_VALUES,
  last: [null, null],
  problem: null,
};

const ZERO_BASELINE =
  'the baseline is 0, and a margin relative to it says nothing; ask for a value that is not';

/** A pair tells of the difference at one moment; a lone value of its own time. */
export function addMetric(
  evidence: Evidence,
  { metric, candidate, baseline, problem }: MetricSample,
): Evidence {
  const before = evidence.metrics[metric] ?? NO_METRIC;
  // Asked more often than it is measured, a provider repeats itself; that is no further evidence.
  const again = problem === null && before.last[0] === candidate && before.last[1] === baseline;
  if (again && before.problem === null) return evidence;
  const paired = candidate !== null && baseline !== null && baseline !== 0;
  const after: MetricEvidence = {
    pairs: paired ? addValue(before.pairs, (candidate - baseline) / Math.abs(baseline)) : before.pairs,
    candidate: candidate === null ? before.candidate : addValue(before.candidate, candidate),
    before: baseline === null ? before.before : addValue(before.before, baseline),
    last: [candidate, baseline],
    problem: candidate !== null && baseline === 0 ? ZERO_BASELINE : problem,
  };
  return { ...evidence, metrics: { ...evidence.metrics, [metric]: after } };
}

export function addSample(evidence: Evidence, sample: Sample, rule: Rule): Evidence {
  const first = firstFailures(evidence.failedUsers, sample);
  return {
    logRatios: addErrors(evidence, sample, { first, rule }),
    slowLogRatios: addSlow(evidence, sample, rule),
    failedUsers: first.known,
    expectedFailures: evidence.expectedFailures + expectedFailures(sample),
    candidate: addArm(evidence.candidate, sample.candidate),
    stable: addArm(evidence.stable, sample.stable),
    baseline: addArm(evidence.baseline, sample.baseline),
    metrics: evidence.metrics,
    recent: evidence.recent,
  };
}

function addErrors(
  { logRatios, stable: before }: Evidence,
  { candidate, stable }: Sample,
  { first, rule }: { readonly first: ReturnType<typeof firstFailures>; readonly rule: Rule },
): Evidence['logRatios'] {
  const rate = (before.failedUnits + 1) / (before.units + 200);
  const ratios = ERROR_ADDITIONS.map((times) => Math.min(1, rate + times * rule.errorIncrease) / rate);
  const split = {
    candidate: { events: first.candidate, n: candidate.units },
    other: { events: first.stable, n: stable.units },
  };
  return addSplit(logRatios, split, ratios);
}

/**
 * Slow is: above the baseline's quantile as it was before this interval, and for the candidate the
 * margin more. A candidate that is at most the margin slower is then slow no more often than the
 * baseline, whatever the quantile's true value.
 */
function addSlow(
  { slowLogRatios, baseline: before }: Evidence,
  { candidate, baseline }: Sample,
  rule: Rule,
): Evidence['slowLogRatios'] {
  const usual = before.requests < SETTLED_REQUESTS ? null : quantileMs(before.latency, rule.latencyQuantile);
  if (usual === null) return slowLogRatios;
  const slow = countAbove(candidate.latency, usual + rule.latencyIncreaseMs);
  const split = {
    candidate: { events: slow, n: candidate.requests },
    other: { events: countAbove(baseline.latency, usual), n: baseline.requests },
  };
  return addSplit(slowLogRatios, split, SLOW_RATIOS);
}

/** What stable did before anybody else served: the yardstick of a switch, instead of whatever was counted earlier. */
export function withYardstick(evidence: Evidence, sample: ArmSample): Evidence {
  const stable = addArm(NOTHING, sample);
  return { ...evidence, stable, baseline: stable };
}

export const SLICE_SECONDS = 10;
/** The minute that the plain rule looks at. */
export const WINDOW_SLICES = 6;

/** Keeps what the plain rule looks at: its duration, and the minute before. */
export function addRecent(
  evidence: Evidence,
  sample: Sample,
  { second, rule }: { readonly second: number; readonly rule: Rule },
): Evidence {
  const slice = Math.floor(second / SLICE_SECONDS);
  const kept = Math.ceil(rule.plainForMs / 1_000 / SLICE_SECONDS) + WINDOW_SLICES;
  const known = evidence.recent.find((entry) => entry.slice === slice);
  const rest = evidence.recent.filter((entry) => entry.slice !== slice && entry.slice > slice - kept);
  const merged = known ? mergeSamples(known, sample) : sample;
  const recent = [...rest, { ...merged, slice }].sort((a, b) => a.slice - b.slice);
  return { ...evidence, recent };
}

export function mergeSamples(a: Sample, b: Sample): Sample {
  const arm = (name: keyof Sample) => ({ ...addArm(a[name], b[name]), failedUsers: null });
  return { candidate: arm('candidate'), stable: arm('stable'), baseline: arm('baseline') };
}

function expectedFailures({ candidate, stable }: Sample): number {
  return stable.units === 0 ? 0 : (candidate.units * stable.failedUnits) / stable.units;
}

function addArm(totals: ArmTotals, sample: ArmTotals): ArmTotals {
  return {
    units: totals.units + sample.units,
    failedUnits: totals.failedUnits + sample.failedUnits,
    requests: totals.requests + sample.requests,
    latency: mergeHistograms(totals.latency, sample.latency),
  };
}

import type { ArmSample, ArmTotals, Evidence, Rule, Sample } from './analysis.ts';
import { addInterval, startLogRatios } from './error-process.ts';
import { mergeHistograms } from './histogram.ts';

const NOTHING: ArmTotals = { units: 0, failedUnits: 0, requests: 0, latency: {} };

export function noEvidence(): Evidence {
  return {
    logRatios: startLogRatios(),
    expectedFailures: 0,
    candidate: NOTHING,
    stable: NOTHING,
    baseline: NOTHING,
    recent: [],
  };
}

export function addSample(evidence: Evidence, sample: Sample): Evidence {
  return {
    logRatios: addInterval(evidence.logRatios, sample),
    expectedFailures: evidence.expectedFailures + expectedFailures(sample),
    candidate: addArm(evidence.candidate, sample.candidate),
    stable: addArm(evidence.stable, sample.stable),
    baseline: addArm(evidence.baseline, sample.baseline),
    recent: evidence.recent,
  };
}

/** What stable did before anybody else served: the yardstick of a switch. */
export function addBefore(evidence: Evidence, stable: ArmSample): Evidence {
  return {
    ...evidence,
    stable: addArm(evidence.stable, stable),
    baseline: addArm(evidence.baseline, stable),
  };
}

export const SLICE_SECONDS = 10;
const WINDOW_SLICES = 6;

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
  return {
    candidate: addArm(a.candidate, b.candidate),
    stable: addArm(a.stable, b.stable),
    baseline: addArm(a.baseline, b.baseline),
  };
}

function expectedFailures({ candidate, stable }: Sample): number {
  return stable.units === 0 ? 0 : (candidate.units * stable.failedUnits) / stable.units;
}

function addArm(totals: ArmTotals, sample: ArmSample): ArmTotals {
  return {
    units: totals.units + sample.units,
    failedUnits: totals.failedUnits + sample.failedUnits,
    requests: totals.requests + sample.requests,
    latency: mergeHistograms(totals.latency, sample.latency),
  };
}

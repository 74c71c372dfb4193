import type { ArmSample, ArmTotals, Evidence, Sample } from './analysis.ts';
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
  };
}

export function addSample(evidence: Evidence, sample: Sample): Evidence {
  return {
    logRatios: addInterval(evidence.logRatios, sample),
    expectedFailures: evidence.expectedFailures + expectedFailures(sample),
    candidate: addArm(evidence.candidate, sample.candidate),
    stable: addArm(evidence.stable, sample.stable),
    baseline: addArm(evidence.baseline, sample.baseline),
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

import type { ArmSample, Evidence, Sample } from '@holdfast/core/analysis/analysis.ts';
import { addSample } from '@holdfast/core/analysis/evidence.ts';
import { mergeHistograms } from '@holdfast/core/analysis/histogram.ts';
import type { Rollout } from '@holdfast/core/rollout/rollout.ts';
import type { IntervalRow } from '@holdfast/postgres/rollout/router-store.ts';

const EMPTY: ArmSample = { units: 0, failedUnits: 0, requests: 0, latency: {} };

/** Adds the closed seconds that came in, each judged at its own counted split. */
export function collectEvidence(rollout: Rollout, intervals: readonly IntervalRow[]): Evidence {
  if (rollout.trafficSince === null || rollout.stable === null) return rollout.evidence;
  const from = (rollout.trafficSince + rollout.plan.warmupMs) / 1_000;
  const seconds = new Map<number, IntervalRow['counts'][number][]>();
  for (const { second, counts } of intervals) {
    if (second >= from) seconds.set(second, [...(seconds.get(second) ?? []), ...counts]);
  }
  return [...seconds.entries()]
    .sort(([a], [b]) => a - b)
    .reduce((evidence, [, counts]) => addSample(evidence, sampleOf(rollout, counts)), rollout.evidence);
}

function sampleOf(rollout: Rollout, counts: readonly IntervalRow['counts'][number][]): Sample {
  const candidate = sum(
    counts.filter((entry) => entry.name === 'candidate' && entry.release === rollout.candidate),
  );
  const ofStable = counts.filter((entry) => entry.release === rollout.stable && entry.name !== 'candidate');
  const fresh = ofStable.filter((entry) => entry.name === 'baseline');
  const stable = sum(ofStable);
  return { candidate, stable, baseline: rollout.plan.baseline === 'fresh' ? sum(fresh) : stable };
}

function sum(counts: readonly IntervalRow['counts'][number][]): ArmSample {
  return counts.reduce<ArmSample>(
    (total, entry) => ({
      units: total.units + entry.units,
      failedUnits: total.failedUnits + entry.failedUnits,
      requests: total.requests + entry.requests,
      latency: mergeHistograms(total.latency, entry.latency),
    }),
    EMPTY,
  );
}

import type { ArmSample, Evidence, Sample } from '@holdfast/core/analysis/analysis.ts';
import { addBefore, addRecent, addSample } from '@holdfast/core/analysis/evidence.ts';
import { mergeHistograms } from '@holdfast/core/analysis/histogram.ts';
import type { Rollout } from '@holdfast/core/rollout/rollout.ts';
import type { IntervalRow } from '@holdfast/postgres/rollout/router-store.ts';

const EMPTY: ArmSample = { units: 0, failedUnits: 0, requests: 0, latency: {}, failedUsers: null };

/** Adds the closed seconds that came in, each judged at its own counted split. */
export function collectEvidence(rollout: Rollout, intervals: readonly IntervalRow[]): Evidence {
  const { plan, stable, trafficSince } = rollout;
  if (stable === null) return rollout.evidence;
  if (trafficSince === null)
    return plan.baseline === 'before' ? yardstick(rollout, intervals) : rollout.evidence;
  const seconds = new Map<number, Counts[]>();
  for (const { second, counts } of intervals) {
    if (isJudged(rollout, second)) seconds.set(second, [...(seconds.get(second) ?? []), ...counts]);
  }
  return [...seconds.entries()]
    .sort(([a], [b]) => a - b)
    .reduce(
      (evidence, [second, counts]) => addSecond(rollout, evidence, { second, counts }),
      rollout.evidence,
    );
}

/**
 * Not while some of the candidate's instances are cold, which would be held against all of it; on all
 * arms, so that they are compared over the same time. Seconds before a step may come in after it began.
 */
function isJudged({ plan, trafficSince, warmingSince }: Rollout, second: number): boolean {
  const warm = (since: number | null) => second >= ((since ?? 0) + plan.warmupMs) / 1_000;
  const before = warmingSince !== trafficSince && second + 1 <= (warmingSince ?? 0) / 1_000;
  return warm(warmingSince) || (before && warm(trafficSince));
}

type Counts = IntervalRow['counts'][number];

function addSecond(
  rollout: Rollout,
  evidence: Evidence,
  { second, counts }: { readonly second: number; readonly counts: readonly Counts[] },
): Evidence {
  const { plan } = rollout;
  const all = sampleOf(rollout, counts);
  // After a switch what still ends on the old fleet is no yardstick.
  const sample = plan.baseline === 'before' ? { ...all, stable: EMPTY, baseline: EMPTY } : all;
  const added = addSample(evidence, sample, plan.rule);
  return plan.rule.method === 'plain' ? addRecent(added, sample, { second, rule: plan.rule }) : added;
}

/** The last second that the rollout's beginning has counted, by ms of the database clock; later ones come in here. */
export function yardstickUntil(startedAt: number): number {
  return Math.floor(startedAt / 1_000) - 5;
}

function yardstick(rollout: Rollout, intervals: readonly IntervalRow[]): Evidence {
  const since = yardstickUntil(rollout.startedAt);
  const own = intervals
    .filter(({ second }) => second > since)
    .flatMap(({ counts }) => counts)
    .filter((entry) => entry.release === rollout.stable);
  return own.length === 0 ? rollout.evidence : addBefore(rollout.evidence, sumArm(own));
}

function sampleOf(rollout: Rollout, counts: readonly Counts[]): Sample {
  const candidate = sumArm(
    counts.filter((entry) => entry.name === 'candidate' && entry.release === rollout.candidate),
  );
  const ofStable = counts.filter((entry) => entry.release === rollout.stable && entry.name !== 'candidate');
  const fresh = ofStable.filter((entry) => entry.name === 'baseline');
  const stable = sumArm(ofStable);
  return { candidate, stable, baseline: rollout.plan.baseline === 'fresh' ? sumArm(fresh) : stable };
}

export function sumArm(counts: readonly Counts[]): ArmSample {
  return counts.reduce<ArmSample>(
    (total, entry) => ({
      units: total.units + entry.units,
      failedUnits: total.failedUnits + entry.failedUnits,
      requests: total.requests + entry.requests,
      latency: mergeHistograms(total.latency, entry.latency),
      failedUsers: entry.failedUsers
        ? [...(total.failedUsers ?? []), ...entry.failedUsers]
        : total.failedUsers,
    }),
    EMPTY,
  );
}

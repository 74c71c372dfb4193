import type { ArmSample, Evidence, Sample } from '@holdfast/core/analysis/analysis.ts';
import { addRecent, addSample, withYardstick } from '@holdfast/core/analysis/evidence.ts';
import { mergeHistograms } from '@holdfast/core/analysis/histogram.ts';
import type { Rollout } from '@holdfast/core/rollout/rollout.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { type IntervalRow, intervalsBetween } from '@holdfast/postgres/rollout/router-store.ts';

const EMPTY: ArmSample = { units: 0, failedUnits: 0, requests: 0, latency: {}, failedUsers: null };

/** Adds the closed seconds that came in, each judged at its own counted split. */
export function collectEvidence(rollout: Rollout, intervals: readonly IntervalRow[]): Evidence {
  const { stable, trafficSince } = rollout;
  if (stable === null || trafficSince === null) return rollout.evidence;
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

const BEFORE_SECONDS = 300;
/** By then every router has handed over what it counted. */
const HANDED_OVER_SECONDS = 5;

/**
 * What a switch is compared with: stable's last minutes before it, however long the rollout has waited by then. Later
 * nobody serves beside the candidate.
 */
export async function addYardstick(
  sql: Queryable,
  environment: string,
  { stable, trafficSince, evidence }: Rollout,
): Promise<Evidence> {
  const until = Math.floor((trafficSince ?? 0) / 1_000) - HANDED_OVER_SECONDS;
  const intervals = await intervalsBetween(sql, environment, until - BEFORE_SECONDS, until);
  const own = intervals.flatMap(({ counts }) => counts).filter(({ release }) => release === stable);
  return withYardstick(evidence, sumArm(own));
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

function sumArm(counts: readonly Counts[]): ArmSample {
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

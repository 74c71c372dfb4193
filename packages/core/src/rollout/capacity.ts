import { formatShare } from '../kernel/quantity.ts';
import { WHOLE } from '../traffic/traffic.ts';
import { currentStep, freshShare } from './plan.ts';
import type { Observation, Rollout } from './rollout.ts';

/** The last minute's mean is not the next second's: a replica may be asked for this much more. */
const TOLERANCE = 1.02;

interface Side {
  readonly name: string;
  readonly share: number;
  readonly replicas: number;
}

/**
 * Whether the ready replicas can carry the step that is next: share × observed requests per second
 * within replicas × safe requests per second, on both sides. null: they can, or nothing is known. A
 * side that would carry less per replica than stable does now is never the reason to stand still.
 */
export function overload(rollout: Rollout, seen: Observation): string | null {
  const { safeRps } = rollout.plan;
  const rate = seen.requestsPerSecond;
  if (safeRps === null || rate === null || rate === 0) return null;
  const step = currentStep(rollout.plan, rollout.step);
  const fresh = freshShare(rollout.plan, step);
  const left = WHOLE - step.weight - fresh;
  const now = perReplica(rate, { share: WHOLE - rollout.weight, replicas: seen.stable.dependable });
  // Counted in the candidate's replicas; stable may have been planned with more or fewer.
  const kept = Math.ceil((step.stable * seen.stableReplicas) / rollout.plan.replicas);
  const sides: readonly Side[] = [
    { name: 'the candidate', share: step.weight + step.mirror, replicas: seen.candidate.dependable },
    { name: 'stable', share: left, replicas: Math.min(kept || Infinity, seen.stable.dependable) },
    { name: 'the baseline', share: fresh, replicas: seen.baseline.dependable },
  ];
  const tight = sides.find((side) => {
    const load = perReplica(rate, side);
    return load > safeRps * TOLERANCE && load > now;
  });
  if (!tight) return null;
  const asked = ((rate * tight.share) / WHOLE).toFixed(0);
  return `${tight.name} cannot carry ${formatShare(tight.share)} of ${rate.toFixed(0)} requests/s: ${asked} requests/s on ${tight.replicas} ready replicas of ${safeRps} requests/s each`;
}

/** Whether what is ready of stable can carry everything; where nothing is known of it, some of it is enough. */
export function carriesAll({ plan: { safeRps } }: Rollout, seen: Observation): boolean {
  const { ready } = seen.stable;
  const rate = seen.requestsPerSecond;
  if (safeRps === null || rate === null) return ready > 0;
  return perReplica(rate, { share: WHOLE, replicas: ready }) <= safeRps * TOLERANCE;
}

function perReplica(rate: number, { share, replicas }: Omit<Side, 'name'>): number {
  if (share <= 0) return 0;
  return replicas <= 0 ? Infinity : (rate * share) / WHOLE / replicas;
}

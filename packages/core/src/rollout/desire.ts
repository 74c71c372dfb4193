import type { WantedGroup } from '../traffic/reconcile.ts';
import { WHOLE } from '../traffic/traffic.ts';
import { baselineShare, currentStep, replicasFor } from './plan.ts';
import { isFinal, type Rollout } from './rollout.ts';

/**
 * What an environment should look like now. The only place where a rollout's state becomes
 * instances and shares; the reconciler does the rest. Stable keeps its full fleet until the
 * candidate carries everything, so that an abort never has to wait for anything to boot.
 */
export interface EnvironmentView {
  readonly stable: string | null;
  readonly previous: string | null;
  readonly replicas: number;
}

export function desire(environment: EnvironmentView, rollout: Rollout | null): readonly WantedGroup[] {
  const { stable, previous, replicas } = environment;
  const arms = rollout && !isFinal(rollout.state) ? armsOf(rollout) : NO_ARMS;
  const candidate = rollout?.candidate ?? null;
  const standing: WantedGroup[] = [];
  const left = WHOLE - arms.candidate.share - arms.baseline.share;
  if (stable !== null && stable !== candidate)
    standing.push({ name: 'stable', release: stable, replicas, share: left });
  else if (stable !== null && arms.candidate.replicas === 0) {
    standing.push({ name: 'stable', release: stable, replicas, share: WHOLE });
  }
  const groups: WantedGroup[] = [...standing];
  if (stable !== null && arms.baseline.replicas > 0)
    groups.push({ name: 'baseline', release: stable, ...arms.baseline });
  if (candidate !== null && arms.candidate.replicas > 0)
    groups.push({ name: 'candidate', release: candidate, ...arms.candidate });
  if (previous !== null && previous !== stable && !groups.some((group) => group.release === previous)) {
    groups.push({ name: 'previous', release: previous, replicas, share: 0 });
  }
  return groups;
}

interface Arm {
  readonly replicas: number;
  readonly share: number;
}

const NO_ARMS: { readonly candidate: Arm; readonly baseline: Arm } = {
  candidate: { replicas: 0, share: 0 },
  baseline: { replicas: 0, share: 0 },
};

function armsOf(rollout: Rollout): { readonly candidate: Arm; readonly baseline: Arm } {
  const { plan } = rollout;
  const state = rollout.state === 'paused' ? (rollout.pausedFrom ?? 'paused') : rollout.state;
  switch (state) {
    case 'starting':
    case 'ready':
    case 'shifting':
    case 'analysing':
    case 'held':
      return stepArms(rollout);
    case 'promoting':
    case 'rollingBack':
    case 'soaking':
      return {
        candidate: { replicas: plan.replicas, share: rollout.weight },
        baseline: { replicas: 0, share: 0 },
      };
    case 'aborting':
      // The candidate keeps its instances until every router has let go of it.
      return {
        candidate: { replicas: replicasFor(rollout.weight || 1, plan.replicas), share: 0 },
        baseline: { replicas: 0, share: 0 },
      };
    default:
      return NO_ARMS;
  }
}

function stepArms(rollout: Rollout): { readonly candidate: Arm; readonly baseline: Arm } {
  const { plan } = rollout;
  const whole = rollout.stable === null || rollout.kind === 'rollback';
  const target = whole ? WHOLE : (currentStep(plan, rollout.step)?.weight ?? WHOLE);
  const fresh = plan.baseline === 'fresh' && !whole;
  return {
    candidate: { replicas: replicasFor(target, plan.replicas), share: rollout.weight },
    baseline: {
      replicas: fresh ? replicasFor(baselineShare(target), plan.replicas) : 0,
      share: fresh ? baselineShare(rollout.weight) : 0,
    },
  };
}

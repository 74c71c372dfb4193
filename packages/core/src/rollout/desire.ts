import type { WantedGroup } from '../traffic/reconcile.ts';
import { type CandidateAccess, NO_ACCESS, WHOLE } from '../traffic/traffic.ts';
import { baselineShare } from './fleet.ts';
import { currentStep, hasMoved, isWhole, wantedReplicas } from './plan.ts';
import { isFinal, type Rollout, type RolloutState } from './rollout.ts';

/**
 * What an environment should look like now. The only place where a rollout's state becomes
 * instances and shares; the reconciler does the rest. Where the strategy has two fleets, stable
 * keeps its own until the candidate carries everything, so that an abort never waits for a boot.
 */
export interface EnvironmentView {
  readonly stable: string | null;
  readonly previous: string | null;
  readonly replicas: number;
  /** Whoever goes back finds as many as it had. */
  readonly previousReplicas: number;
  /** The former release keeps running without traffic. */
  readonly keepHot: boolean;
}

export interface Desire {
  readonly groups: readonly WantedGroup[];
  readonly access: CandidateAccess;
  /** At most so many instances at once; null: no limit of its own. */
  readonly ceiling: number | null;
}

export function desire(environment: EnvironmentView, rollout: Rollout | null): Desire {
  const { stable, previous, replicas, previousReplicas } = environment;
  const live = rollout !== null && !isFinal(rollout.state) ? rollout : null;
  const arms = live ? armsOf(live, replicas) : { ...NO_ARMS, stable: replicas };
  const candidate = rollout?.candidate ?? null;
  const groups: WantedGroup[] = [];
  const left = WHOLE - arms.candidate.share - arms.baseline.share;
  if (stable !== null && stable !== candidate)
    groups.push({ name: 'stable', release: stable, replicas: arms.stable, share: left });
  else if (stable !== null && arms.candidate.replicas === 0)
    groups.push({ name: 'stable', release: stable, replicas, share: WHOLE });
  if (stable !== null && arms.baseline.replicas > 0)
    groups.push({ name: 'baseline', release: stable, ...arms.baseline });
  if (candidate !== null && arms.candidate.replicas > 0)
    groups.push({ name: 'candidate', release: candidate, ...arms.candidate });
  // Until it is done a release may have to go back at once, whatever is kept afterwards.
  const needed = live?.promoted === true && live.plan.strategy !== 'rolling';
  const kept = previous !== null && previous !== stable && (environment.keepHot || needed);
  if (kept && !groups.some((group) => group.release === previous))
    groups.push({ name: 'previous', release: previous, replicas: previousReplicas, share: 0 });
  return {
    groups,
    access: live ? accessOf(live) : NO_ACCESS,
    ceiling: live ? ceilingOf(live, replicas) : null,
  };
}

interface Arm {
  readonly replicas: number;
  readonly share: number;
}

interface Arms {
  readonly candidate: Arm;
  readonly baseline: Arm;
  readonly stable: number;
}

const NO_ARM: Arm = { replicas: 0, share: 0 };
const NO_ARMS = { candidate: NO_ARM, baseline: NO_ARM };

function settled(rollout: Rollout): RolloutState {
  return rollout.state === 'paused' ? (rollout.pausedFrom ?? 'paused') : rollout.state;
}

function armsOf(rollout: Rollout, replicas: number): Arms {
  const { plan } = rollout;
  switch (settled(rollout)) {
    case 'starting':
    case 'ready':
    case 'shifting':
    case 'analysing':
    case 'held':
      return stepArms(rollout, replicas);
    case 'promoting':
    case 'rollingBack':
    case 'soaking': {
      const stable = stableIn(rollout, replicas);
      // A few of stable that are left do not carry the share of the many they were.
      return {
        candidate: { replicas: plan.replicas, share: shareIn(rollout, stable) },
        baseline: NO_ARM,
        stable,
      };
    }
    case 'aborting':
      // The candidate keeps its instances until stable is whole and every router has let go of them.
      return {
        candidate: { replicas: wantedReplicas(rollout).candidate, share: rollout.weight },
        baseline: NO_ARM,
        stable: replicas,
      };
    default:
      return { ...NO_ARMS, stable: replicas };
  }
}

function stepArms(rollout: Rollout, replicas: number): Arms {
  const wanted = wantedReplicas(rollout);
  const stable = stableIn(rollout, replicas);
  return {
    candidate: { replicas: wanted.candidate, share: shareIn(rollout, stable) },
    baseline: {
      replicas: wanted.baseline,
      share: wanted.baseline > 0 ? baselineShare(rollout.weight) : 0,
    },
    stable,
  };
}

const MOVED: readonly RolloutState[] = ['analysing', 'held'];

/** Rolling shrinks stable as the candidate grows; the others keep it whole. */
function stableIn(rollout: Rollout, replicas: number): number {
  if (isWhole(rollout) || rollout.plan.strategy !== 'rolling') return replicas;
  const step = currentStep(rollout.plan, rollout.step);
  const kept = hasMoved(rollout) && MOVED.includes(settled(rollout)) ? step.stable : step.stableMeanwhile;
  // Counted in the candidate's replicas; stable may have been planned with more or fewer.
  return Math.min(replicas, Math.ceil((kept * replicas) / rollout.plan.replicas));
}

/** With fewer of stable left than its share needs, the candidate's instances take their part of it. */
function shareIn(rollout: Rollout, stable: number): number {
  const { plan, weight } = rollout;
  if (plan.strategy !== 'rolling' || weight === 0 || isWhole(rollout)) return weight;
  const serving = Math.round((weight * plan.replicas) / WHOLE);
  return Math.max(weight, Math.round((WHOLE * serving) / (serving + stable)));
}

function accessOf(rollout: Rollout): CandidateAccess {
  const { plan } = rollout;
  const state = settled(rollout);
  if (isWhole(rollout) || state === 'aborting') return NO_ACCESS;
  const seen: readonly RolloutState[] = ['ready', 'shifting', 'analysing', 'held', 'promoting'];
  if (!seen.includes(state)) return NO_ACCESS;
  const preview = rollout.weight < WHOLE ? plan.preview : null;
  // A gate is there to look first: whoever is routed by name may, before any share moves.
  const moved = hasMoved(rollout);
  const { routes, mirror } = currentStep(plan, rollout.step);
  return { preview, routes, mirror: moved ? mirror : 0 };
}

/** The surge is beyond whichever release has more replicas. */
function ceilingOf(rollout: Rollout, replicas: number): number | null {
  const { plan, state } = rollout;
  if (plan.ceiling === null || state === 'aborting' || isWhole(rollout)) return null;
  return plan.ceiling + Math.max(0, replicas - plan.replicas);
}

import { noEvidence } from '../analysis/evidence.ts';
import type { Rollout } from './rollout.ts';

/** A rollout as it is when it is asked for. `now`: database clock, ms. */
export function planned(
  given: Pick<Rollout, 'id' | 'environment' | 'kind' | 'candidate' | 'stable' | 'plan' | 'askedBy'>,
  now: number,
): Rollout {
  return {
    ...given,
    state: 'planned',
    step: 0,
    weight: 0,
    stateSince: now,
    startedAt: now,
    pausedFrom: null,
    heldFor: null,
    opened: null,
    hurried: false,
    overruled: false,
    promoted: false,
    supersededBy: null,
    trafficSince: null,
    warmingSince: null,
    shortSince: null,
    evidence: noEvidence(),
    judgement: null,
    unjudged: false,
    reason: null,
  };
}

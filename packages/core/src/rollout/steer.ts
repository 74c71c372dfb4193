import type { Result } from '../kernel/result.ts';
import { abort, carryOn, next, type RolloutDecision, stay, to, unfit } from './moves.ts';
import { hasMoved } from './plan.ts';
import type { RolloutWorld } from './ports.ts';
import type { Rollout, RolloutRefusal, RolloutState } from './rollout.ts';

/**
 * What people do to a rollout. Each fits some states and is refused in others, in a sentence.
 */

/** What has no traffic, or is stable already, ends at once; otherwise it lets go first. */
export function supersede(
  rollout: Rollout,
  by: string,
  now: number,
): Result<RolloutDecision, RolloutRefusal> {
  const reason = `superseded by release ${by}`;
  const over = rollout.weight === 0 || rollout.promoted || rollout.stable === null;
  if (over && rollout.state !== 'aborting') return to(rollout, 'superseded', { now, reason });
  const replaced = { ...rollout, supersededBy: by };
  return rollout.state === 'aborting' ? stay(replaced) : abort(replaced, reason, now);
}

export function pause(rollout: Rollout, { now }: RolloutWorld): Result<RolloutDecision, RolloutRefusal> {
  const fit: readonly RolloutState[] = [
    'planned',
    'awaitingApproval',
    'expanding',
    'starting',
    'ready',
    'shifting',
    'analysing',
    'held',
  ];
  if (!fit.includes(rollout.state)) return unfit(rollout, 'paused');
  return to({ ...rollout, pausedFrom: rollout.state }, 'paused', { now });
}

export function resume(rollout: Rollout, { now }: RolloutWorld): Result<RolloutDecision, RolloutRefusal> {
  if (rollout.state !== 'paused') return unfit(rollout, 'resumed');
  return to({ ...rollout, pausedFrom: null }, rollout.pausedFrom ?? 'planned', { now });
}

export function advance(
  rollout: Rollout,
  full: boolean,
  { now }: RolloutWorld,
): Result<RolloutDecision, RolloutRefusal> {
  const fit: readonly RolloutState[] = ['shifting', 'analysing', 'held'];
  if (!fit.includes(rollout.state)) return unfit(rollout, 'advanced');
  const reason = full ? 'advanced to the whole traffic by hand' : null;
  const harmful = rollout.heldFor === 'harm' || rollout.judgement?.verdict === 'worse';
  const by = { ...rollout, overruled: rollout.overruled || harmful };
  // Rolling has no second fleet to jump to: it goes through its batches without waiting.
  if (full && rollout.plan.strategy === 'rolling') return onward({ ...by, hurried: true, reason }, now);
  const last = rollout.plan.steps.length;
  return full
    ? to({ ...by, heldFor: null, step: last, opened: last, reason }, 'promoting', { now })
    : onward(by, now);
}

/** An opened gate leads to the other questions of its step; a step whose traffic has not moved is not passed. */
function onward(rollout: Rollout, now: number): Result<RolloutDecision, RolloutRefusal> {
  const { heldFor, step } = rollout;
  if (heldFor === 'gate') return to({ ...rollout, heldFor: null, opened: step }, 'ready', { now });
  if (heldFor === 'capacity') return carryOn({ ...rollout, opened: step }, now);
  if (heldFor === 'harm' && !hasMoved(rollout)) return to({ ...rollout, heldFor: null }, 'starting', { now });
  return next(rollout, now);
}

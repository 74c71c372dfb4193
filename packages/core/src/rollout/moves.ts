import { formatShare } from '../kernel/quantity.ts';
import { accept, type Result, refuse } from '../kernel/result.ts';
import { currentStep, servingReplicas } from './plan.ts';
import type {
  HeldFor,
  Rollout,
  RolloutEffect,
  RolloutRefusal,
  RolloutState,
  RolloutStep,
} from './rollout.ts';

/** The single moves that decisions are made of. */
export interface RolloutDecision {
  readonly rollout: Rollout;
  readonly effects: readonly RolloutEffect[];
}

export function stay(rollout: Rollout): Result<RolloutDecision, RolloutRefusal> {
  return accept({ rollout, effects: [] });
}

export function to(
  rollout: Rollout,
  state: RolloutState,
  { now, reason }: { readonly now: number; readonly reason?: string },
): Result<RolloutDecision, RolloutRefusal> {
  const moved = { ...rollout, state, stateSince: now, reason: reason ?? rollout.reason };
  return accept({ rollout: moved, effects: [{ kind: 'announce', state, reason: moved.reason }] });
}

export function unfit(rollout: Rollout, verb: string): Result<RolloutDecision, RolloutRefusal> {
  const at = `${rollout.state} at ${formatShare(rollout.weight)}`;
  return refuse({ code: 'rolloutStateUnfit', sentence: `the rollout is ${at} and cannot be ${verb} now` });
}

/**
 * Rolling has taken instances from stable: the candidate serves on until they are back. Where the
 * candidate is stable already, the former release becomes it again.
 */
export function abort(
  rollout: Rollout,
  reason: string,
  now: number,
): Result<RolloutDecision, RolloutRefusal> {
  const weight = rollout.plan.strategy === 'rolling' ? rollout.weight : 0;
  const moved = to({ ...rollout, weight, heldFor: null, promoted: false }, 'aborting', { now, reason });
  if (!moved.ok || !rollout.promoted || rollout.stable === null) return moved;
  const back: RolloutEffect = { kind: 'restoreStable', release: rollout.stable, instead: rollout.candidate };
  return accept({ rollout: moved.value.rollout, effects: [back, ...moved.value.effects] });
}

export function hold(
  rollout: Rollout,
  heldFor: HeldFor,
  why: { readonly now: number; readonly reason: string },
): Result<RolloutDecision, RolloutRefusal> {
  return to({ ...rollout, heldFor, pausedFrom: null }, 'held', why);
}

export function shift(rollout: Rollout, now: number): Result<RolloutDecision, RolloutRefusal> {
  const { weight, candidates } = currentStep(rollout.plan, rollout.step);
  // From here on routers may send it requests, one after the other.
  const moved = { ...withTraffic(rollout, { weight, candidates }, now), heldFor: null, reason: null };
  return to(moved, 'shifting', { now });
}

/** The candidate's share; what gets its first requests with it is warming up. */
export function withTraffic(
  rollout: Rollout,
  { weight, candidates }: Pick<RolloutStep, 'weight' | 'candidates'>,
  now: number,
): Rollout {
  const wider = candidates > servingReplicas(rollout);
  return {
    ...rollout,
    weight,
    trafficSince: rollout.trafficSince ?? now,
    warmingSince: wider ? now : rollout.warmingSince,
  };
}

/** From a step that was held because it could not be carried: its traffic moves; after the last one, all of it. */
export function carryOn(rollout: Rollout, now: number): Result<RolloutDecision, RolloutRefusal> {
  if (rollout.step < rollout.plan.steps.length) return shift(rollout, now);
  return to({ ...rollout, heldFor: null, reason: null }, 'promoting', { now });
}

export function next(rollout: Rollout, now: number): Result<RolloutDecision, RolloutRefusal> {
  const step = rollout.step + 1;
  const last = step >= rollout.plan.steps.length;
  const moved = { ...rollout, heldFor: null, step: last ? rollout.plan.steps.length : step };
  return to(moved, last ? 'promoting' : 'starting', { now });
}

export function finish(
  rollout: Rollout,
  state: RolloutState,
  now: number,
): Result<RolloutDecision, RolloutRefusal> {
  const moved = to(rollout, state, { now });
  if (!moved.ok) return moved;
  const effects: RolloutEffect[] = [
    { kind: 'makeStable', release: rollout.candidate },
    ...moved.value.effects,
  ];
  return accept({ rollout: { ...moved.value.rollout, promoted: true }, effects });
}

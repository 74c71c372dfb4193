import { WHOLE } from '../traffic/traffic.ts';
import { baselineShare, replicasFor } from './fleet.ts';
import type { Rollout, RolloutPlan, RolloutStep } from './rollout.ts';

/**
 * The step that is under way. After the last one comes the promotion: a step of its own, with the
 * whole traffic and a whole fleet.
 */
export function currentStep(plan: RolloutPlan, step: number): RolloutStep {
  return plan.steps[step] ?? wholeStep(plan);
}

function wholeStep(plan: RolloutPlan): RolloutStep {
  const before = plan.steps.at(-1)?.stable ?? plan.replicas;
  const meanwhile = plan.ceiling === null ? before : Math.min(before, plan.ceiling - plan.replicas);
  return {
    weight: WHOLE,
    dwellMs: 0,
    gate: false,
    mirror: 0,
    routes: [],
    candidates: plan.replicas,
    stableMeanwhile: meanwhile,
    stable: meanwhile,
  };
}

/** Whether the traffic of the step that is under way has moved, not only that of the one before. */
export function hasMoved(rollout: Rollout): boolean {
  return rollout.trafficSince !== null && rollout.weight >= currentStep(rollout.plan, rollout.step).weight;
}

/** How many of the candidate's instances the traffic that it has now was given to. */
export function servingReplicas({ plan, weight }: Pick<Rollout, 'plan' | 'weight'>): number {
  if (weight >= WHOLE) return plan.replicas;
  return weight === 0 ? 0 : (plan.steps.findLast((step) => step.weight <= weight)?.candidates ?? 0);
}

/** Without a stable release, and on the way back, there is one step: everything. */
export function isWhole(rollout: Rollout): boolean {
  return rollout.stable === null || rollout.kind === 'rollback';
}

/** Of a step's traffic, what a baseline of its own takes; 0 where stable itself is compared with. */
export function freshShare(plan: RolloutPlan, step: RolloutStep): number {
  return plan.baseline === 'fresh' ? baselineShare(step.weight) : 0;
}

export interface Wanted {
  readonly candidate: number;
  readonly baseline: number;
}

/** How many instances of each arm must be ready before the step's traffic moves. */
export function wantedReplicas(rollout: Rollout): Wanted {
  const { plan } = rollout;
  if (isWhole(rollout)) return { candidate: plan.replicas, baseline: 0 };
  const step = currentStep(plan, rollout.step);
  return { candidate: step.candidates, baseline: replicasFor(freshShare(plan, step), plan.replicas) };
}

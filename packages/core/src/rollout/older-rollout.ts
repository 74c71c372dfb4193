import { noEvidence } from '../analysis/evidence.ts';
import { replicasFor } from './fleet.ts';
import type { Rollout, RolloutPlan, RolloutStep } from './rollout.ts';

/** What 0.2 kept: one strategy, one method, no gates. The next version may drop this file. */
type OlderStep = Pick<RolloutStep, 'weight' | 'dwellMs'> & Partial<RolloutStep>;

export function currentRollout(given: Rollout): Rollout {
  const kept = {
    ...given,
    shortSince: given.shortSince ?? null,
    warmingSince: given.warmingSince ?? given.trafficSince,
  };
  // A controller of 0.2 that held the duty in between has dropped what it does not know of.
  const complete = kept.evidence.failedUsers !== undefined && kept.evidence.metrics !== undefined;
  if (kept.plan.strategy !== undefined) return complete ? kept : { ...kept, evidence: noEvidence() };
  const { plan } = kept;
  const steps = (plan.steps as readonly OlderStep[]).map((step) => ({
    gate: false,
    mirror: 0,
    routes: [],
    candidates: replicasFor(step.weight, plan.replicas),
    stableMeanwhile: plan.replicas,
    stable: plan.replicas,
    ...step,
  }));
  const current: RolloutPlan = {
    ...plan,
    strategy: 'canary',
    steps,
    ceiling: null,
    safeRps: null,
    zoneLoss: false,
    preview: null,
    automatic: true,
    approvals: 0,
    rule: { ...plan.rule, metrics: [], method: 'sequential', plainForMs: 0 },
  };
  return {
    ...kept,
    plan: current,
    // It was gathered for another test; a rollout that goes on starts to gather anew.
    evidence: noEvidence(),
    heldFor: kept.state === 'held' ? 'verdict' : null,
    opened: null,
    hurried: false,
    overruled: false,
    promoted: kept.state === 'soaking',
    askedBy: null,
    supersededBy: null,
  };
}

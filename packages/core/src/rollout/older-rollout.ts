import { noEvidence } from '../analysis/evidence.ts';
import { replicasFor } from './fleet.ts';
import type { Rollout, RolloutPlan, RolloutStep } from './rollout.ts';

/** What 0.2 kept: one strategy, one method, no gates. The next version may drop this file. */
type OlderStep = Pick<RolloutStep, 'weight' | 'dwellMs'> & Partial<RolloutStep>;

export function currentRollout(kept: Rollout): Rollout {
  if (kept.plan.strategy !== undefined) return kept;
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
    supersededBy: null,
  };
}

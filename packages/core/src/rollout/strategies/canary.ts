import type { Route } from '../../traffic/traffic.ts';
import { replicasFor } from '../fleet.ts';
import type { RolloutStep } from '../rollout.ts';

/** A share of the users first, judged beside the stable release, then more. Stable keeps its whole fleet. */
export interface CanaryStep {
  /** Basis points of 10,000; 0 with a route or a mirror: nobody who did not ask for it. */
  readonly weight: number;
  readonly dwellMs: number;
  /** Instances of the candidate; null: its part of the fleet. */
  readonly replicas: number | null;
  readonly gate: boolean;
  readonly mirror: number;
  readonly routes: readonly Route[];
}

export function canarySteps(steps: readonly CanaryStep[], replicas: number): readonly RolloutStep[] {
  return steps.map((step) => ({
    weight: step.weight,
    dwellMs: step.dwellMs,
    gate: step.gate,
    mirror: step.mirror,
    routes: step.routes,
    candidates: Math.max(step.replicas ?? 0, replicasFor(step.weight + step.mirror, replicas), 1),
    stableMeanwhile: replicas,
    stable: replicas,
  }));
}

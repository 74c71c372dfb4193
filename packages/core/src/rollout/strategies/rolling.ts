import { WHOLE } from '../../traffic/traffic.ts';
import type { RolloutStep } from '../rollout.ts';

/**
 * Instances are replaced batch by batch: the least extra capacity, and the slowest way back, since
 * stable shrinks as the candidate grows.
 *
 *   start a batch → its share of the traffic → stop as many of stable → judge → the next batch
 *
 * A batch never breaks either promise: at most `replicas + surge` instances, at least
 * `minAvailable` that serve.
 */
export interface Rolling {
  readonly batch: number;
  readonly surge: number;
  readonly minAvailable: number;
  readonly dwellMs: number;
}

/** The batch that both promises allow; 0 means that they contradict each other. */
export function batchOf({ batch, surge, minAvailable }: Rolling, replicas: number): number {
  return Math.max(0, Math.min(batch, surge + replicas - minAvailable));
}

export function rollingSteps(rolling: Rolling, replicas: number): readonly RolloutStep[] {
  const batch = Math.max(1, batchOf(rolling, replicas));
  const count = Math.ceil(replicas / batch) - 1;
  return Array.from({ length: count }, (_, index) => {
    const candidates = (index + 1) * batch;
    return {
      weight: Math.round((WHOLE * candidates) / replicas),
      dwellMs: rolling.dwellMs,
      gate: false,
      mirror: 0,
      routes: [],
      candidates,
      stableMeanwhile: Math.min(replicas - index * batch, replicas + rolling.surge - candidates),
      stable: replicas - candidates,
    };
  });
}

import { WHOLE } from '../../traffic/traffic.ts';
import type { RolloutStep } from '../rollout.ts';

/**
 * A second fleet beside the first, looked at under its preview address, then one switch. The old
 * fleet stays warm, so that the way back is one more switch. Nobody serves beside the candidate
 * after the switch: it is judged against what stable did just before.
 */
export interface BlueGreen {
  readonly gate: boolean;
  readonly dwellMs: number;
}

export function blueGreenSteps({ gate, dwellMs }: BlueGreen, replicas: number): readonly RolloutStep[] {
  const both = { candidates: replicas, stableMeanwhile: replicas, stable: replicas };
  return [{ weight: WHOLE, dwellMs, gate, mirror: 0, routes: [], ...both }];
}

import { isFinal, type Rollout } from './rollout.ts';

/** How soon the environment should be looked at again when nothing hints earlier. */
export function nextLookMs(rollout: Rollout | null, draining: boolean): number {
  if (draining) return 200;
  return rollout && !isFinal(rollout.state) ? 250 : 1_000;
}

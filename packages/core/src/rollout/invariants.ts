import { invariant } from '../kernel/invariant.ts';
import { WHOLE } from '../traffic/traffic.ts';
import type { Rollout } from './rollout.ts';

export function checkRollout(rollout: Rollout): void {
  invariant(
    rollout.weight >= 0 && rollout.weight <= WHOLE,
    `weight ${rollout.weight} is outside 0..${WHOLE}`,
  );
  invariant(rollout.candidate !== rollout.stable, `rollout ${rollout.id} would replace a release by itself`);
  invariant(
    rollout.state !== 'paused' || rollout.pausedFrom !== null,
    `rollout ${rollout.id} is paused from nowhere`,
  );
  invariant(
    rollout.step >= 0 && rollout.step <= rollout.plan.steps.length,
    `rollout ${rollout.id} is at step ${rollout.step}`,
  );
  invariant(
    rollout.state !== 'aborted' || rollout.weight === 0,
    `rollout ${rollout.id} aborted with ${rollout.weight} traffic`,
  );
}

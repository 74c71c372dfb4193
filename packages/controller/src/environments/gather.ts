import type { Observation, Rollout } from '@holdfast/core/rollout/rollout.ts';
import type { FleetView } from '@holdfast/core/traffic/reconcile.ts';
import { compareVersion, type Instance } from '@holdfast/core/traffic/traffic.ts';

/** From rows to what a rollout's decision looks at. Pure, so that the tests need no database. */
export function observe(rollout: Rollout, view: FleetView, published: boolean): Observation {
  const of = (keep: (instance: Instance) => boolean) => view.instances.filter(keep);
  const candidates = of((instance) => instance.release === rollout.candidate);
  const baselines = of((instance) => instance.group === 'baseline');
  const workers = view.workers.filter((worker) => worker.silenceMs < view.routerLostMs);
  const mute = workers.filter((worker) => compareVersion(worker.acknowledged, view.snapshot) < 0);
  return {
    candidate: armOf(candidates, rollout.startedAt),
    baseline: armOf(baselines, rollout.startedAt),
    routers: {
      published,
      acknowledged: mute.length === 0,
      mute: mute.map((worker) => worker.id),
      count: workers.length,
    },
  };
}

function armOf(instances: readonly Instance[], since: number): Observation['candidate'] {
  const unfit = instances.filter((instance) => instance.state !== 'ready' && instance.reason !== null).at(-1);
  return {
    ready: instances.filter((instance) => instance.desired === 'run' && instance.state === 'ready').length,
    crashed: instances.filter((instance) => instance.state === 'crashed' && instance.createdAt >= since)
      .length,
    complaint: unfit?.reason ?? null,
  };
}

import { type Backfilled, type Beside, backendOf, besideApp, onFreshCopy, type Place } from './beside-app.ts';
import type { Statistics } from './customers.ts';
import type { Noticed } from './foreground.ts';
import { backfillByTrigger, expandByTrigger, planByTrigger } from './trigger-method.ts';

export interface MethodRun extends Backfilled, Beside {
  readonly name: string;
  readonly before: Noticed;
}

export interface TriggerMethodRun extends MethodRun {
  readonly plan: readonly string[];
}

export function runTriggerMethod(
  place: Place,
  {
    name,
    statistics,
    analyze,
    limitSeconds,
  }: {
    readonly name: string;
    readonly statistics: Statistics;
    readonly analyze: boolean;
    readonly limitSeconds: number;
  },
): Promise<TriggerMethodRun> {
  return onFreshCopy(place, { name, statistics }, async (scene) => {
    const client = await place.servers.connect(scene.database);
    try {
      const before = await scene.app.over(place.beforeSeconds);
      await expandByTrigger(client);
      const plan = await planByTrigger(client);
      const measured = await besideApp(place, scene, {
        backend: await backendOf(client),
        work: () => backfillByTrigger(client, { analyze, limitSeconds }),
      });
      return { name, before, plan, ...measured };
    } finally {
      await client.end();
    }
  });
}

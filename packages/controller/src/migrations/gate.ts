import type { Queryable } from '@holdfast/postgres/database.ts';
import type { ReleaseRow } from '@holdfast/postgres/release/release-store.ts';
import type { EnvironmentRow } from '@holdfast/postgres/rollout/environment-store.ts';
import { liveRollout } from '@holdfast/postgres/rollout/rollout-store.ts';
import { blockedBy } from '../environments/blocked.ts';

/**
 * Why a table may not be exchanged for its copy now; null: it may. The exchange is the moment that the app sees, so
 * it waits for what a rollout waits for: the end of a freeze, an allowed window, a person who paused.
 */
export async function gateOf(
  sql: Queryable,
  environment: EnvironmentRow,
  { release, now }: { readonly release: ReleaseRow; readonly now: Date },
): Promise<string | null> {
  const blocked = blockedBy(environment, release.config, now);
  if (blocked !== null) return blocked;
  const rollout = (await liveRollout(sql, environment.id))?.data;
  return rollout?.state === 'paused' ? 'the rollout is paused' : null;
}

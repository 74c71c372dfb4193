import { decide } from '@holdfast/core/rollout/decide.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { appendEvent } from '@holdfast/postgres/events/event-store.ts';
import { type RolloutRow, saveRollout } from '@holdfast/postgres/rollout/rollout-store.ts';
import { specialFunctions } from './special-functions.ts';

/**
 * A newer rollout was asked for. What has traffic gives it back to stable first; the newer one
 * stays `planned` until then.
 */
export async function supersede(
  sql: Queryable,
  live: RolloutRow,
  { by, now }: { readonly by: number; readonly now: number },
): Promise<void> {
  const decided = decide(
    live.data,
    { kind: 'supersede', by: String(by) },
    { now, special: specialFunctions },
  );
  if (!decided.ok) return;
  await saveRollout(sql, live.data, decided.value.rollout);
  await appendEvent(sql, { topic: 'rollout', subject: live.id, kind: 'superseded', data: { by } });
}

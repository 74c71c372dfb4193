import { formatShare } from '@holdfast/core/kernel/quantity.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { historyOf, type RolloutRow } from '@holdfast/postgres/rollout/rollout-store.ts';
import { appendLog } from '@holdfast/postgres/run/log-store.ts';

/** The log of a deploy step: the rollout's history in lines, appended as it grows. */
export async function logRollout(sql: Queryable, rollout: RolloutRow, attemptId: string): Promise<void> {
  const history = await historyOf(sql, rollout.id);
  const text = history
    .map(
      ({ at, state, weight, reason }) =>
        `${at.toISOString()} ${state} at ${formatShare(weight)}${reason ? `: ${reason}` : ''}\n`,
    )
    .join('');
  const kept = await sql.query<{ bytes: number }>(
    'SELECT coalesce(max(start + length(text)), 0)::int AS bytes FROM log_chunk WHERE attempt_id = $1',
    [attemptId],
  );
  const from = kept.rows[0]?.bytes ?? 0;
  const fresh = Buffer.from(text, 'utf8').subarray(from).toString('utf8');
  if (fresh !== '') await appendLog(sql, { attemptId, offset: from, text: fresh });
}

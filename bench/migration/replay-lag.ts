import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';

/** How far the standby falls behind, looked at ten times a second. */
export interface ReplayLag {
  readonly n: number;
  readonly maxMs: number;
  readonly maxBytes: number;
}

const EVERY_MS = 100;
/** An idle standby tells no lag (NULL), and an equal position is none. */
const LOOK = `
SELECT coalesce(max(CASE WHEN replay_lsn = pg_current_wal_lsn() THEN 0 ELSE extract(epoch FROM replay_lag) * 1000 END), 0)::float8 AS ms,
       coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), 0)::float8 AS bytes
FROM pg_stat_replication WHERE state = 'streaming'`;

export async function lagDuring<Value>(
  client: pg.Client,
  work: () => Promise<Value>,
): Promise<{ readonly value: Value; readonly lag: ReplayLag }> {
  let [n, maxMs, maxBytes, over] = [0, 0, 0, false];
  const watching = (async () => {
    while (!over) {
      const [seen] = (await client.query<{ ms: number; bytes: number }>(LOOK)).rows;
      [n, maxMs, maxBytes] = [n + 1, Math.max(maxMs, seen?.ms ?? 0), Math.max(maxBytes, seen?.bytes ?? 0)];
      await sleep(EVERY_MS);
    }
  })();
  try {
    const value = await work();
    return { value, lag: { n, maxMs: Math.round(maxMs), maxBytes } };
  } finally {
    over = true;
    await watching;
  }
}

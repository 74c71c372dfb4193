import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchDatabase } from '../orchestrator/database.ts';

/** What anybody ever thought of the agents, looked up twice as often as controllers look themselves. */
export interface AgentsSeen {
  readonly seen: number;
  readonly suspect: number;
  readonly lost: number;
  readonly longestSilenceMs: number;
}

const EVERY_MS = 250;
// Named so that pg_stat_statements leaves it out of the controllers' statements.
const LOOK = `SELECT /* pg_stat_statements */ id, state, (extract(epoch FROM clock_timestamp() - seen_at) * 1000)::float8 AS silence_ms FROM agent`;

export async function watchAgents(database: BenchDatabase): Promise<{ end(): Promise<AgentsSeen> }> {
  const seen = new Set<string>();
  const suspect = new Set<string>();
  const lost = new Set<string>();
  let longestSilenceMs = 0;
  const stop = new AbortController();
  const watching = database.withClient('holdfast', async (client) => {
    while (!stop.signal.aborted) {
      const looked = await client.query<{ id: string; state: string; silence_ms: number }>(LOOK);
      for (const { id, state, silence_ms } of looked.rows) {
        seen.add(id);
        if (state === 'suspect') suspect.add(id);
        if (state === 'lost') lost.add(id);
        longestSilenceMs = Math.max(longestSilenceMs, silence_ms);
      }
      await sleep(EVERY_MS);
    }
  });
  return {
    end: async () => {
      stop.abort();
      await watching;
      return {
        seen: seen.size,
        suspect: suspect.size,
        lost: lost.size,
        longestSilenceMs: Math.round(longestSilenceMs),
      };
    },
  };
}

import { type Latency, summarise } from '../latency.ts';
import type { BenchDatabase } from '../orchestrator/database.ts';
import { say } from '../workbench.ts';
import type { LiveQueue } from './live-queue.ts';

/**
 * Claims go on while a transaction elsewhere holds its snapshot: nothing that dies is taken away any
 * more. Compared are the last seconds with the ones before the transaction began.
 */
export interface BesideSnapshot {
  readonly minutes: number;
  readonly start: Latency;
  readonly end: Latency;
  readonly after: readonly { readonly seconds: number; readonly p50: number; readonly p95: number }[];
  /** Jobs that the settler had not come to: they count as held, and each claim counts them. */
  readonly unsettledJobs: { readonly start: number; readonly end: number };
  readonly deadJobRows: number;
  readonly deadRunRows: number;
}

const WINDOW_SECONDS = 10;
const SHOWN = 10;

export async function measureBesideSnapshot(
  server: BenchDatabase,
  { name, queue }: { readonly name: string; readonly queue: LiveQueue },
  minutes: number,
): Promise<BesideSnapshot> {
  say(`${minutes} min beside an open transaction`);
  const start = await queue.claimFor(WINDOW_SECONDS * 1000);
  const unsettledAtStart = await queue.unsettledJobs();
  return server.withClient(name, async (client) => {
    await client.query('SET idle_in_transaction_session_timeout = 0');
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await client.query('SELECT count(*) FROM agent');
    const windows: Latency[] = [];
    const count = Math.max(1, Math.round((minutes * 60) / WINDOW_SECONDS));
    while (windows.length < count) windows.push(summarise(await queue.claimFor(WINDOW_SECONDS * 1000)));
    const unsettledJobs = { start: unsettledAtStart, end: await queue.unsettledJobs() };
    await client.query('ROLLBACK');
    return {
      minutes,
      start: summarise(start),
      end: windows.at(-1) as Latency,
      after: someOf(windows),
      unsettledJobs,
      deadJobRows: await deadRows(server, name, 'job'),
      deadRunRows: await deadRows(server, name, 'run'),
    };
  });
}

function someOf(windows: readonly Latency[]): BesideSnapshot['after'] {
  const step = Math.max(1, Math.floor(windows.length / SHOWN));
  return windows
    .map(({ p50, p95 }, index) => ({ seconds: (index + 1) * WINDOW_SECONDS, p50, p95 }))
    .filter((_, index) => (index + 1) % step === 0);
}

async function deadRows(server: BenchDatabase, name: string, table: string): Promise<number> {
  return server.withClient(name, async (client) => {
    const found = await client.query<{ dead: number }>(
      'SELECT n_dead_tup::float8 AS dead FROM pg_stat_user_tables WHERE relname = $1',
      [table],
    );
    return found.rows[0]?.dead ?? 0;
  });
}

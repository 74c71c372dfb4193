import type pg from 'pg';
import { ratio, round } from '../latency.ts';

/**
 * What a changed row costs the app while old and new columns are kept equal: one connection, one row
 * a statement, with the trigger and without it by turns on the same table.
 */
export interface WriteCost {
  readonly commits: 'durable' | 'not waited for';
  readonly n: number;
  readonly perSecond: { readonly without: number; readonly with: number; readonly ratio: number };
  readonly walBytes: { readonly without: number; readonly with: number; readonly ratio: number };
}

const TURNS = 4;
const TURN_MS = 1_500;

export async function measureWrites(
  client: pg.Client,
  { keys, commits }: { readonly keys: number; readonly commits: WriteCost['commits'] },
): Promise<WriteCost> {
  await client.query(`SET synchronous_commit = ${commits === 'durable' ? 'on' : 'off'}`);
  const sums = { without: { times: 0, ms: 0, wal: 0 }, with: { times: 0, ms: 0, wal: 0 } };
  for (let turn = 0; turn < TURNS * 2; turn += 1) {
    const kind = turn % 2 === 0 ? 'without' : 'with';
    await client.query(`ALTER TABLE customers ${kind === 'with' ? 'ENABLE' : 'DISABLE'} TRIGGER USER`);
    const one = await changeFor(client, keys);
    for (const part of ['times', 'ms', 'wal'] as const) sums[kind][part] += one[part];
  }
  const rate = ({ times, ms }: typeof sums.with) => round((times / ms) * 1_000);
  const wal = ({ times, wal: bytes }: typeof sums.with) => Math.round(bytes / times);
  const both = (of: (sum: typeof sums.with) => number) => ({
    without: of(sums.without),
    with: of(sums.with),
    ratio: ratio(of(sums.with), of(sums.without)),
  });
  return { commits, n: sums.with.times + sums.without.times, perSecond: both(rate), walBytes: both(wal) };
}

async function changeFor(client: pg.Client, keys: number) {
  const from = await walAt(client);
  const startedAt = performance.now();
  let times = 0;
  for (; performance.now() - startedAt < TURN_MS; times += 1)
    await client.query({
      name: 'change',
      text: 'UPDATE customers SET mail = $2 WHERE id = $1',
      values: [1 + Math.floor(Math.random() * keys), `w-${times}@example.com`],
    });
  const ms = performance.now() - startedAt;
  return { times, ms, wal: (await walAt(client)) - from };
}

async function walAt(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ at: number }>(
    "SELECT (pg_current_wal_insert_lsn() - '0/0')::float8 AS at",
  );
  return rows[0]?.at ?? 0;
}

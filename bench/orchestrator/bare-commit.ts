import type { BenchDatabase } from './database.ts';

/** What one durable write costs with nothing around it: the floor under every orchestrator here. */
export async function measureBareCommits(database: BenchDatabase, seconds: number): Promise<number[]> {
  return database.withClient('bare', async (client) => {
    await client.query('CREATE TABLE IF NOT EXISTS bare (id bigint PRIMARY KEY, value text NOT NULL)');
    const found = await client.query<{ first: string }>('SELECT coalesce(max(id), 0) + 1 AS first FROM bare');
    const first = Number(found.rows[0]?.first);
    return repeat(seconds, (turn) =>
      client.query('INSERT INTO bare (id, value) VALUES ($1, $2)', [first + turn, 'a step happened']),
    );
  });
}

/** One statement that writes nothing: what each further statement of a transaction costs at least. */
export async function measureRoundTrips(database: BenchDatabase, seconds: number): Promise<number[]> {
  return database.withClient('bare', (client) =>
    repeat(seconds, (turn) => client.query('SELECT $1::int', [turn])),
  );
}

/** How long each turn took, in ms. */
export async function repeat(seconds: number, work: (turn: number) => Promise<unknown>): Promise<number[]> {
  const samples: number[] = [];
  const until = performance.now() + seconds * 1000;
  for (let turn = 0; performance.now() < until; turn += 1) {
    const startedAt = performance.now();
    await work(turn);
    samples.push(performance.now() - startedAt);
  }
  return samples;
}

import type { BenchDatabase } from './database.ts';

/** What one durable write costs with nothing around it: the floor under every orchestrator here. */
export async function measureBareCommits(database: BenchDatabase, seconds: number): Promise<number[]> {
  return database.withClient('bare', async (client) => {
    await client.query('CREATE TABLE IF NOT EXISTS bare (id bigint PRIMARY KEY, value text NOT NULL)');
    const first = await client.query<{ next: string }>('SELECT coalesce(max(id), 0) + 1 AS next FROM bare');
    const samples: number[] = [];
    const until = performance.now() + seconds * 1000;
    for (let id = Number(first.rows[0]?.next); performance.now() < until; id += 1) {
      const startedAt = performance.now();
      await client.query({ name: 'bare', text: 'INSERT INTO bare (id, value) VALUES ($1, $2)', values: [id, 'a step happened'] });
      samples.push(performance.now() - startedAt);
    }
    return samples;
  });
}

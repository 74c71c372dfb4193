import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import type { Workbench } from '../workbench.ts';
import { repeat } from './bare-commit.ts';
import type { BenchDatabase } from './database.ts';

const SERVER = fileURLToPath(new URL('../peers/bare-exchange.ts', import.meta.url));
const START_MS = 10_000;
/** About as long as the report of a step that did nothing. */
const VALUE = 'a step happened'.padEnd(600, '.');

/** A bare commit behind a bare request: the floor under a step that is told to another process. */
export async function measureBareExchanges(
  workbench: Workbench,
  database: BenchDatabase,
  seconds: number,
): Promise<number[]> {
  const server = workbench.startNode({ name: 'bare-exchange', path: SERVER, args: [database.url('bare')] });
  const { address } = await server.message<{ readonly address: string }>(START_MS);
  const pool = new Pool(address, { connections: 1 });
  try {
    return await repeat(seconds, async (number) => {
      const answer = await pool.request({
        method: 'POST',
        path: '/',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ number, value: VALUE }),
      });
      await answer.body.json();
    });
  } finally {
    await pool.close();
    await server.stop();
  }
}

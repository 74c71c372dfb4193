import pg from 'pg';
import type { Case } from './case.ts';
import { checkCase, type Outcome } from './check-case.ts';
import { Scene } from './scene.ts';
import { startServerOf } from './server/oracle-server.ts';

export interface CheckedCase {
  readonly case: Case;
  readonly outcome: Outcome;
}

export interface CheckedVersion {
  readonly version: number;
  readonly seconds: number;
  readonly cases: readonly CheckedCase[];
}

/** All cases of one version on a server of its own. null: there is no such server here. */
export async function checkVersion(
  version: number,
  cases: readonly Case[],
  stopping: AbortSignal,
): Promise<CheckedVersion | null> {
  const started = performance.now();
  const server = await startServerOf(version);
  if (!server) return null;
  const open: pg.Client[] = [];
  try {
    for (let left = 2; left > 0; left -= 1) open.push(await connect(server.url));
    const [client, blocker] = open as [pg.Client, pg.Client];
    const scene = new Scene(client);
    const checked: CheckedCase[] = [];
    for (const one of cases.filter(({ since }) => since <= version)) {
      if (stopping.aborted) break;
      checked.push({ case: one, outcome: await checkCase({ scene, client, blocker }, one) });
    }
    return { version, seconds: (performance.now() - started) / 1_000, cases: checked };
  } finally {
    await Promise.all(open.map((client) => client.end()));
    await server.stop();
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  return client;
}

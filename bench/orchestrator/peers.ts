import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PeerAnswer, PeerAsked } from '../peers/peer.ts';
import { say, type Workbench } from '../workbench.ts';
import type { BenchDatabase } from './database.ts';

/** Each peer in a process and a database of its own, on the same server, one after the other. */
export const PEERS = ['graphile-worker', 'pg-boss', 'dbos'] as const;
export type PeerName = (typeof PEERS)[number];

const CONCURRENCY = 200;

export function requirePeers(): void {
  const missing = ['graphile-worker', 'pg-boss', '@dbos-inc/dbos-sdk'].filter(
    (name) => !existsSync(new URL(`../node_modules/${name}/package.json`, import.meta.url)),
  );
  if (missing.length > 0)
    throw new Error(
      `${missing.join(', ')} not installed; the peers are installed apart from Holdfast: npm ci --prefix bench`,
    );
}

export async function measurePeers(
  workbench: Workbench,
  database: BenchDatabase,
  seconds: number,
): Promise<{ readonly [name in PeerName]: PeerAnswer }> {
  const answers: Partial<Record<PeerName, PeerAnswer>> = {};
  for (const name of PEERS) {
    say(`${name}: chained, then ${CONCURRENCY} at once`);
    const databaseUrl = await database.create(`peer_${name.replace('-', '_')}`);
    const asked: PeerAsked = { databaseUrl, seconds, concurrency: CONCURRENCY };
    const peer = workbench.startNode({
      name,
      path: fileURLToPath(new URL(`../peers/${name}.ts`, import.meta.url)),
      args: [JSON.stringify(asked)],
    });
    answers[name] = await peer.message<PeerAnswer>(seconds * 4_000 + 90_000);
    await peer.stop();
  }
  return answers as { readonly [name in PeerName]: PeerAnswer };
}

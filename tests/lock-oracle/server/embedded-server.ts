import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pickOwner } from '@holdfast/postgres/embedded/owner.ts';
import { startServer, stopServer } from '@holdfast/postgres/embedded/server.ts';
import type { OracleServer } from './oracle-server.ts';

/** PostgreSQL 18 as Holdfast brings it. */
export async function startEmbeddedServer(): Promise<OracleServer> {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-oracle-18-'));
  chmodSync(root, 0o711);
  const owner = pickOwner(process.getuid?.() === 0);
  const place = { root: join(root, 'pg'), cache: join(root, 'cache'), owner, port: 5432 };
  const stop = async () => {
    await stopServer(place);
    rmSync(root, { recursive: true, force: true });
  };
  try {
    const { url } = await startServer(place);
    return { version: 18, url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

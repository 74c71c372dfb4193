import pg from 'pg';
import { startDebianServer } from './debian-server.ts';
import { startEmbeddedServer } from './embedded-server.ts';

/** A PostgreSQL of one version, thrown away afterwards. */
export interface OracleServer {
  readonly version: number;
  readonly url: string;
  stop(): Promise<void>;
}

/** null: this machine has none of that version. */
export async function startServerOf(version: number): Promise<OracleServer | null> {
  const server = version === 18 ? await startEmbeddedServer() : await startDebianServer(version);
  if (!server) return null;
  try {
    await quieten(server);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Autovacuum takes locks and reads tables of its own accord; fsync only costs time here. */
async function quieten({ url }: OracleServer): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const setting of ['autovacuum = off', 'fsync = off', 'max_parallel_maintenance_workers = 0'])
    await client.query(`ALTER SYSTEM SET ${setting}`);
  await client.query('SELECT pg_reload_conf()');
  await client.query('CREATE EXTENSION IF NOT EXISTS citext');
  await client.end();
}

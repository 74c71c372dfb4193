import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SERVER_ENVIRONMENT, serverBinaries } from '@holdfast/postgres/embedded/binaries.ts';
import { pickOwner } from '@holdfast/postgres/embedded/owner.ts';
import {
  runningPid,
  type ServerPlace,
  SOCKET_PORT,
  startServer,
  stopServer,
} from '@holdfast/postgres/embedded/server.ts';
import pg from 'pg';
import type { Workbench } from '../workbench.ts';

/**
 * A primary and one streaming standby, for both methods alike. The package has no pg_basebackup, so the
 * standby begins as a copy of the primary's folder, taken while that is stopped and still empty.
 */
export const SETTINGS = {
  shared_buffers: '512MB',
  max_wal_size: '4GB',
  maintenance_work_mem: '256MB',
  autovacuum_naptime: '60s',
} as const;
const SLOT = 'standby';
const START_LIMIT_MS = 30_000;

export class Servers {
  private readonly primary: ServerPlace;

  private constructor(primary: ServerPlace) {
    this.primary = primary;
  }

  static async start(workbench: Workbench): Promise<Servers> {
    const place = (name: string): ServerPlace => ({
      root: join(workbench.folder, name),
      cache: join(workbench.folder, 'cache'),
      owner: pickOwner(process.getuid?.() === 0),
      port: SOCKET_PORT,
    });
    const [primary, standby] = [place('primary'), place('standby')];
    workbench.atEnd(() => stopServer(primary));
    workbench.atEnd(() => stopServer(standby));
    // Its own command line has settings for a controller's small database; this makes the cluster.
    await startServer(primary);
    await stopServer(primary);
    copyFolder(primary, standby);
    await launch(primary, {});
    const servers = new Servers(primary);
    await servers.ask('postgres', `SELECT pg_create_physical_replication_slot('${SLOT}', true)`);
    await launch(standby, {
      primary_conninfo: `host=${folder(primary)} user=holdfast`,
      primary_slot_name: SLOT,
    });
    return servers;
  }

  url(database: string): string {
    return urlOf(this.primary, database);
  }

  async connect(database: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url(database), application_name: 'bench' });
    // Ends with the server when the bench is interrupted; a statement under way fails by itself.
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  async ask<Row extends pg.QueryResultRow>(database: string, text: string): Promise<Row[]> {
    const client = await this.connect(database);
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** Nothing is left to write or to replay of what came before. */
  async settle(): Promise<void> {
    await this.ask('postgres', 'CHECKPOINT');
    const behind = `SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), 1e9)::float8 AS bytes FROM pg_stat_replication`;
    for (;;) {
      const [seen] = await this.ask<{ bytes: number }>('postgres', behind);
      if ((seen?.bytes ?? 0) < 1_000_000) return;
      await sleep(200);
    }
  }
}

function copyFolder(from: ServerPlace, to: ServerPlace): void {
  const copied = spawnSync('cp', ['-a', from.root, to.root], { encoding: 'utf8' });
  if (copied.status !== 0) throw new Error(`the standby's folder could not be copied: ${copied.stderr}`);
  writeFileSync(join(to.root, 'data', 'standby.signal'), '');
}

async function launch(place: ServerPlace, more: Readonly<Record<string, string>>): Promise<void> {
  const log = openSync(join(place.root, 'bench.log'), 'a', 0o600);
  const settings = {
    ...SETTINGS,
    unix_socket_directories: folder(place),
    listen_addresses: '',
    port: String(place.port),
    ...more,
  };
  const words = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const data = join(place.root, 'data');
  const bin = serverBinaries(place.cache, place.owner);
  const child = spawn(join(bin, 'postgres'), ['-D', data, ...words], {
    ...place.owner,
    env: SERVER_ENVIRONMENT,
    cwd: data,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  const until = performance.now() + START_LIMIT_MS;
  while (!(await answers(place))) {
    if (performance.now() > until || (child.exitCode !== null && runningPid(place) === undefined))
      throw new Error(`PostgreSQL in ${place.root} did not start`);
    await sleep(50);
  }
}

async function answers(place: ServerPlace): Promise<boolean> {
  const client = new pg.Client({ connectionString: urlOf(place, 'postgres') });
  client.on('error', () => {});
  return client.connect().then(
    () => client.end().then(() => true),
    () => false,
  );
}

function folder(place: ServerPlace): string {
  return join(place.root, 'run');
}

function urlOf(place: ServerPlace, database: string): string {
  return `postgres://holdfast@localhost/${database}?host=${encodeURIComponent(folder(place))}&port=${place.port}`;
}

import { join } from 'node:path';
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

/** The one PostgreSQL that Holdfast and every peer are measured on, each in a database of its own. */
export class BenchDatabase {
  private readonly place: ServerPlace;

  private constructor(place: ServerPlace) {
    this.place = place;
  }

  static async start(workbench: Workbench): Promise<BenchDatabase> {
    const owner = pickOwner(process.getuid?.() === 0);
    const place = {
      root: join(workbench.folder, 'postgres'),
      cache: join(workbench.folder, 'cache'),
      owner,
      port: SOCKET_PORT,
    };
    workbench.atEnd(() => stopServer(place));
    await startServer(place);
    return new BenchDatabase(place);
  }

  /** The server's first process; its CPU time with its children's is the server's. */
  get pid(): number {
    const pid = runningPid(this.place);
    if (pid === undefined) throw new Error('PostgreSQL does not run');
    return pid;
  }

  /** With a host name that the socket's folder overrides: WHATWG parsers refuse an empty one. */
  url(database: string): string {
    return `postgres://holdfast@localhost/${database}?host=${encodeURIComponent(join(this.place.root, 'run'))}&port=${this.place.port}`;
  }

  async create(database: string): Promise<string> {
    await this.withClient('postgres', (client) => client.query(`CREATE DATABASE ${database}`));
    return this.url(database);
  }

  async withClient<Value>(database: string, work: (client: pg.Client) => Promise<Value>): Promise<Value> {
    const client = new pg.Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  /** Only for the profile: counting statements costs something, so no figure is taken with it. */
  async restartCounting(): Promise<void> {
    await this.withClient('postgres', (client) =>
      client.query("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'"),
    );
    await stopServer(this.place);
    await startServer(this.place);
    await this.withClient('postgres', async (client) => {
      await client.query('ALTER SYSTEM SET pg_stat_statements.track_planning = on');
      await client.query('SELECT pg_reload_conf()');
    });
  }
}

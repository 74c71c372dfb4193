import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SERVER_ENVIRONMENT, serverBinaries } from '@holdfast/postgres/embedded/binaries.ts';
import { type Owner, pickOwner } from '@holdfast/postgres/embedded/owner.ts';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import pg from 'pg';
import { until } from '../../tools/demo/machine.ts';
import { copyRunning, giveFolder } from '../chaos/cluster/postgres-node.ts';

interface Place {
  readonly root: string;
  readonly data: string;
  readonly port: number;
  readonly bin: string;
  readonly how: Owner & { readonly env: NodeJS.ProcessEnv; readonly cwd: string };
}

async function placeIn(root: string, name: string): Promise<Place> {
  const owner = pickOwner(process.getuid?.() === 0);
  const [data, port] = [join(root, name), await freePorts(1)];
  mkdirSync(data, { mode: 0o700 });
  const bin = serverBinaries(join(root, 'cache'), owner);
  const how = { ...owner, env: SERVER_ENVIRONMENT, cwd: data };
  giveFolder(owner, data);
  return { root, data, port, bin, how };
}

function launch({ data, port, bin, how }: Place): ChildProcess {
  const settings = ['unix_socket_directories=', 'wal_level=logical'].flatMap((setting) => ['-c', setting]);
  const words = ['-D', data, '-p', String(port), '-h', '127.0.0.1', ...settings];
  return spawn(join(bin, 'postgres'), words, { ...how, detached: true, stdio: 'ignore' });
}

/** The app's own PostgreSQL, as a user has one: reached by its port, unknown to Holdfast but for a secret. */
export class AppDatabase {
  readonly url: string;
  private readonly place: Place;
  private child: ChildProcess;

  private constructor(place: Place) {
    this.url = `postgres://shop@127.0.0.1:${place.port}/postgres`;
    this.place = place;
    this.child = launch(place);
  }

  static async begin(root: string): Promise<AppDatabase> {
    const place = await placeIn(root, 'app-database');
    const made = spawnSync(
      join(place.bin, 'initdb'),
      ['-D', place.data, '-U', 'shop', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
      place.how,
    );
    if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
    return AppDatabase.at(place);
  }

  /** A second server that follows this one until it is promoted. */
  async standby(): Promise<AppDatabase> {
    const { root, data, port } = this.place;
    const place = await placeIn(root, 'app-standby');
    await copyRunning(await this.session('SELECT 1'), data, place.data);
    appendFileSync(
      join(place.data, 'postgresql.auto.conf'),
      `primary_conninfo = 'host=127.0.0.1 port=${port} user=shop'\n`,
    );
    giveFolder(place.how, place.data);
    return AppDatabase.at(place);
  }

  async promote(): Promise<void> {
    await this.query('SELECT pg_promote()');
  }

  private static async at(place: Place): Promise<AppDatabase> {
    const database = new AppDatabase(place);
    await database.answers();
    return database;
  }

  async query<Row extends object>(text: string): Promise<readonly Row[]> {
    const client = new pg.Client({ connectionString: this.url });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** A session that does something and stays. */
  async session(text: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url });
    client.on('error', () => {});
    await client.connect();
    await client.query(text);
    return client;
  }

  /** kill -9 of the whole server. */
  async kill(): Promise<void> {
    const { pid } = this.child;
    const isDead = () => this.child.exitCode !== null || this.child.signalCode !== null;
    if (pid !== undefined && !isDead()) process.kill(-pid, 'SIGKILL');
    await until('the database to be dead', async () => isDead());
  }

  async restart(): Promise<void> {
    this.child = launch(this.place);
    await this.answers();
  }

  async stop(): Promise<void> {
    await this.kill();
  }

  private async answers(): Promise<void> {
    await until('the database of the app to answer', () =>
      this.query('SELECT 1').then(
        () => true,
        () => null,
      ),
    );
  }
}

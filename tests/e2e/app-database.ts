import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { serverBinaries } from '@holdfast/postgres/embedded/binaries.ts';
import { pickOwner } from '@holdfast/postgres/embedded/owner.ts';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import pg from 'pg';
import { until } from '../../tools/demo/machine.ts';

/** The app's own PostgreSQL, as a user has one: reached by its port, unknown to Holdfast but for a secret. */
export class AppDatabase {
  readonly url: string;
  private readonly start: () => ChildProcess;
  private child: ChildProcess;

  private constructor(url: string, start: () => ChildProcess) {
    this.url = url;
    this.start = start;
    this.child = start();
  }

  static async begin(root: string): Promise<AppDatabase> {
    const owner = pickOwner(process.getuid?.() === 0);
    const [data, port] = [join(root, 'app-database'), await freePorts(1)];
    mkdirSync(data, { mode: 0o700 });
    if (owner.uid !== undefined) chownSync(data, owner.uid, owner.gid ?? owner.uid);
    chmodSync(data, 0o700);
    const bin = serverBinaries(join(root, 'cache'), owner);
    const how = { ...owner, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }, cwd: data };
    const made = spawnSync(
      join(bin, 'initdb'),
      ['-D', data, '-U', 'shop', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
      how,
    );
    if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
    const words = [
      '-D',
      data,
      '-p',
      String(port),
      '-h',
      '127.0.0.1',
      '-c',
      'unix_socket_directories=',
      '-c',
      'wal_level=logical',
    ];
    const database = new AppDatabase(`postgres://shop@127.0.0.1:${port}/postgres`, () =>
      spawn(join(bin, 'postgres'), words, { ...how, detached: true, stdio: 'ignore' }),
    );
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
    if (pid !== undefined && this.child.exitCode === null) process.kill(-pid, 'SIGKILL');
    await until(
      'the database to be dead',
      async () => this.child.exitCode !== null || this.child.signalCode !== null,
    );
  }

  async restart(): Promise<void> {
    this.child = this.start();
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

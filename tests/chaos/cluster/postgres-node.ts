import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SERVER_ENVIRONMENT } from '@holdfast/postgres/embedded/binaries.ts';
import type { Owner } from '@holdfast/postgres/embedded/owner.ts';
import pg from 'pg';
import { until } from '../until.ts';
import type { Processes } from './processes.ts';

/**
 * One PostgreSQL server on the bridge's address, made either by initdb or as a copy of another that
 * runs. The npm package has no pg_basebackup, so the copy is made by hand with the low-level backup
 * functions (PostgreSQL manual, 25.3.3).
 */
export interface PostgresPlace {
  readonly name: string;
  readonly root: string;
  readonly binaries: string;
  readonly owner: Owner;
  readonly host: string;
  readonly port: number;
  /** Who may come in, beside the harness: hosts of this network. */
  readonly clients: string;
  readonly password: string;
}

export const POSTGRES_USER = 'holdfast';
const START_LIMIT_MS = 30_000;

export class PostgresNode {
  readonly place: PostgresPlace;
  private readonly processes: Processes;

  constructor(place: PostgresPlace, processes: Processes) {
    this.place = place;
    this.processes = processes;
    mkdirSync(place.root, { recursive: true, mode: 0o700 });
    giveFolder(place.owner, place.root);
  }

  get address(): string {
    return `${this.place.host}:${this.place.port}`;
  }

  private get data(): string {
    return join(this.place.root, 'data');
  }

  initialise(): void {
    const passwordFile = join(this.place.root, 'password');
    writeFileSync(passwordFile, this.place.password, { mode: 0o644 });
    this.run('initdb', [
      ...['-D', this.data, '-U', POSTGRES_USER, '-E', 'UTF8', '--locale=C'],
      ...['--no-sync', '--no-instructions', `--pwfile=${passwordFile}`],
      ...['--auth-local=scram-sha-256', '--auth-host=scram-sha-256'],
    ]);
    const any = `all ${POSTGRES_USER} ${this.place.clients} scram-sha-256`;
    appendFileSync(join(this.data, 'pg_hba.conf'), `host ${any}\nhost replication ${any.slice(4)}\n`);
    this.set({ wal_keep_size: '512MB', hot_standby: 'on', wal_retrieve_retry_interval: '100ms' });
  }

  /** A copy of `primary` that will follow it under its own name. */
  async copyFrom(primary: PostgresNode): Promise<void> {
    rmSync(this.data, { recursive: true, force: true });
    await copyRunning(await primary.connect(), primary.data, this.data);
    const { host, port, password } = primary.place;
    this.set({
      primary_conninfo: `host=${host} port=${port} user=${POSTGRES_USER} password=${password} application_name=${this.place.name}`,
      synchronous_standby_names: '',
    });
    giveFolder(this.place.owner, this.data);
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    rmSync(join(this.data, 'postmaster.pid'), { force: true });
    const settings = {
      cluster_name: this.place.name,
      listen_addresses: this.place.host,
      port: this.place.port,
      unix_socket_directories: this.place.root,
      shared_buffers: '64MB',
      max_connections: 100,
    };
    const words = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const launch = () =>
      this.processes.start({
        name: this.place.name,
        command: join(this.place.binaries, 'postgres'),
        args: ['-D', this.data, ...words],
        env: SERVER_ENVIRONMENT,
        ...this.place.owner,
      });
    launch();
    await until(
      `${this.place.name} to answer`,
      async () => {
        const client = await this.connect();
        await client.end();
        return true;
      },
      { limitMs: START_LIMIT_MS, everyMs: 10 },
    );
  }

  /** A fast shutdown: sessions are ended, a checkpoint is written. */
  async stop(): Promise<void> {
    this.processes.signal(this.place.name, 'SIGINT');
    await this.gone();
  }

  /** The postmaster dies at once; its children notice and follow. */
  async kill(): Promise<void> {
    this.processes.signal(this.place.name, 'SIGKILL');
    await this.gone();
  }

  isRunning(): boolean {
    return this.processes.isRunning(this.place.name);
  }

  async promote(): Promise<void> {
    await this.query('SELECT pg_promote()');
  }

  /** Commits wait for this standby from now on, or for nobody. */
  async requireStandby(name: string | null): Promise<void> {
    await this.query(`ALTER SYSTEM SET synchronous_standby_names = '${name === null ? '' : `"${name}"`}'`);
    await this.query('SELECT pg_reload_conf()');
  }

  async query(text: string): Promise<pg.QueryResult> {
    const client = await this.connect();
    try {
      return await client.query(text);
    } finally {
      await client.end();
    }
  }

  async connect(database = 'postgres'): Promise<pg.Client> {
    const { host, port, password } = this.place;
    const client = new pg.Client({
      host,
      port,
      password,
      user: POSTGRES_USER,
      database,
      connectionTimeoutMillis: 10_000,
    });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  private async gone(): Promise<void> {
    await until(`${this.place.name} to end`, () => !this.isRunning(), { limitMs: 20_000, everyMs: 10 });
    const title = `postgres: ${this.place.name}: `;
    await until('its children to end', () => !commandLines().some((line) => line.startsWith(title)), {
      limitMs: 20_000,
      everyMs: 10,
    });
  }

  private set(settings: { readonly [name: string]: string }): void {
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
    appendFileSync(join(this.data, 'postgresql.auto.conf'), lines.join(''));
  }

  private run(program: string, words: readonly string[]): void {
    const ran = spawnSync(join(this.place.binaries, program), words, {
      ...this.place.owner,
      env: SERVER_ENVIRONMENT,
      cwd: this.place.root,
      encoding: 'utf8',
    });
    if (ran.status !== 0) throw new Error(`${program} failed: ${ran.stderr || ran.error?.message}`);
  }
}

/** The server refuses a folder of somebody else's, or one that others may read. */
export function giveFolder({ uid, gid }: Owner, path: string): void {
  if (uid === undefined) return;
  chownSync(path, uid, gid ?? uid);
  chmodSync(path, 0o700);
  spawnSync('chown', ['-R', `${uid}:${gid ?? uid}`, path]);
}

/** A standby's folder from a server that runs, over a session of its own that ends with it. */
export async function copyRunning(backup: pg.Client, from: string, to: string): Promise<void> {
  try {
    await backup.query("SELECT pg_backup_start('standby', fast => true)");
    copyCluster(from, to);
    const stopped = await backup.query('SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)');
    writeFileSync(join(to, 'backup_label'), stopped.rows[0].labelfile);
  } finally {
    await backup.end();
  }
  writeFileSync(join(to, 'standby.signal'), '');
}

/** Files may vanish while they are copied; what the write-ahead log needs, it brings back. */
function copyCluster(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  spawnSync('cp', ['-a', `${from}/.`, to]);
  for (const name of readdirSync(join(to, 'pg_wal')))
    if (name !== 'archive_status' && name !== 'summaries') rmSync(join(to, 'pg_wal', name), { force: true });
  for (const name of ['postmaster.pid', 'postmaster.opts', 'standby.signal', 'backup_label'])
    rmSync(join(to, name), { force: true });
}

function commandLines(): readonly string[] {
  const listed = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
  return listed.stdout.split('\n');
}

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import pg from 'pg';
import { SERVER_ENVIRONMENT, serverBinaries } from './binaries.ts';
import type { Owner } from './owner.ts';

/**
 * A PostgreSQL of our own, started as a process that outlives its starter and is found again by
 * the next one. Layout of `root`: data/ (the cluster) · run/ (socket, 0700: the only access
 * control) · server.log. The caller holds the data directory's lock, so there is one starter.
 *
 * After `kill -9` of everything: children of a killed postmaster hold its shared memory until they
 * die, and a pid file may name a pid that now is another program; both are cleared before a start.
 * Processes are told by /proc/PID/cmdline: cwd and exe of another user are not readable in a
 * container, and kill(pid, 0) also succeeds on a zombie.
 */
export interface ServerPlace {
  readonly root: string;
  readonly cache: string;
  readonly owner: Owner;
  readonly port: number;
}

export interface RunningServer {
  readonly pid: number;
  readonly adopted: boolean;
  readonly url: string;
}

const USER = 'holdfast';
const START_LIMIT_MS = 60_000;

export async function startServer(place: ServerPlace): Promise<RunningServer> {
  const url = serverUrl(place);
  // One that was killed a moment ago still shows as running; it is followed by a new one once it is gone.
  for (let pid = runningPid(place); pid !== undefined; pid = runningPid(place)) {
    if (await answersBefore(place, () => runningPid(place) !== pid)) return { pid, adopted: true, url };
  }
  const bin = serverBinaries(place.cache, place.owner);
  for (const folder of [place.root, dataFolder(place), socketFolder(place)]) ownedFolder(folder, place.owner);
  initialise(bin, place);
  await clearStale(place);
  const log = join(place.root, 'server.log');
  const from = existsSync(log) ? statSync(log).size : 0;
  const child = launch(bin, place, log);
  let death: string | undefined;
  child.on('error', (error) => {
    death = error.message;
  });
  child.on('exit', (code, signal) => {
    death = `exit ${code ?? signal}`;
  });
  if (!(await answersBefore(place, () => death !== undefined))) {
    throw new HoldfastError(
      'databaseFailed',
      `PostgreSQL stopped at once (${death}): ${readFileSync(log, 'utf8').slice(from).trim()}`,
    );
  }
  child.unref();
  return { pid: child.pid as number, adopted: false, url };
}

/** SIGINT: a fast shutdown with a checkpoint. Resolves when the process is gone. */
export async function stopServer(place: ServerPlace): Promise<void> {
  const pid = runningPid(place);
  if (pid === undefined) return;
  process.kill(pid, 'SIGINT');
  while (runningPid(place) !== undefined) await sleep(20);
}

export function serverUrl(place: ServerPlace): string {
  return `postgres://${USER}@/holdfast?host=${encodeURIComponent(socketFolder(place))}&port=${place.port}`;
}

export function runningPid(place: ServerPlace): number | undefined {
  const file = join(dataFolder(place), 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
  const words = commandLine(pid);
  const ours = words[0]?.endsWith('/postgres') && words[1] === '-D' && words[2] === dataFolder(place);
  return ours ? pid : undefined;
}

function dataFolder(place: ServerPlace): string {
  return resolve(place.root, 'data');
}

function socketFolder(place: ServerPlace): string {
  return resolve(place.root, 'run');
}

function ownedFolder(folder: string, owner: Owner): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid ?? owner.uid);
  chmodSync(folder, 0o700);
}

function initialise(bin: string, place: ServerPlace): void {
  const data = dataFolder(place);
  const done = join(data, '.initdb-done');
  if (existsSync(done)) return;
  // Half-made by a killed initdb: nothing was ever acknowledged from it.
  rmSync(data, { recursive: true, force: true });
  ownedFolder(data, place.owner);
  const words = [
    '-D',
    data,
    '-U',
    USER,
    '-E',
    'UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-sync',
    '--no-instructions',
    '--auth-local=trust',
    '--auth-host=reject',
    '-c',
    'timezone=UTC',
    '-c',
    'log_timezone=UTC',
  ];
  const made = spawnSync(join(bin, 'initdb'), words, {
    ...place.owner,
    env: SERVER_ENVIRONMENT,
    cwd: data,
    encoding: 'utf8',
  });
  if (made.status !== 0)
    throw new HoldfastError('databaseFailed', `initdb failed: ${made.stderr || made.error?.message}`);
  writeFileSync(done, '');
}

function launch(bin: string, place: ServerPlace, log: string): ChildProcess {
  const output = openSync(log, 'a', 0o600);
  const settings = {
    cluster_name: clusterName(place),
    unix_socket_directories: socketFolder(place),
    unix_socket_permissions: '0700',
    listen_addresses: '',
    port: place.port,
    max_connections: 100,
    shared_buffers: '64MB',
    idle_in_transaction_session_timeout: '60s',
  };
  const words = [
    '-D',
    dataFolder(place),
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const child = spawn(join(bin, 'postgres'), words, {
    ...place.owner,
    env: SERVER_ENVIRONMENT,
    cwd: dataFolder(place),
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  return child;
}

/** False: it ended first. Throws databaseFailed when neither comes in time. */
async function answersBefore(place: ServerPlace, ended: () => boolean): Promise<boolean> {
  const started = performance.now();
  while (!ended()) {
    const refusal = await createDatabase(place);
    if (refusal === undefined) return true;
    if (performance.now() - started > START_LIMIT_MS) {
      throw new HoldfastError(
        'databaseFailed',
        `PostgreSQL did not answer within ${START_LIMIT_MS / 1000} s (${refusal}); see ${join(place.root, 'server.log')}`,
      );
    }
    await sleep(20);
  }
  return false;
}

/** What kept it from us, if anything did. */
async function createDatabase(place: ServerPlace): Promise<string | undefined> {
  const client = new pg.Client({
    host: socketFolder(place),
    port: place.port,
    user: USER,
    database: 'postgres',
    connectionTimeoutMillis: 2_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const found = await client.query("SELECT 1 FROM pg_database WHERE datname = 'holdfast'");
    if (found.rowCount === 0) await client.query('CREATE DATABASE holdfast');
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.end().catch(() => {});
  }
}

async function clearStale(place: ServerPlace): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (let left = orphans(place); left.length > 0; left = orphans(place)) {
    if (performance.now() > deadline)
      throw new HoldfastError(
        'databaseFailed',
        `processes ${left.join(', ')} of a killed PostgreSQL do not end`,
      );
    for (const pid of left) process.kill(pid, 'SIGKILL');
    await sleep(20);
  }
  rmSync(join(dataFolder(place), 'postmaster.pid'), { force: true });
  rmSync(join(socketFolder(place), `.s.PGSQL.${place.port}.lock`), { force: true });
}

function orphans(place: ServerPlace): number[] {
  if (process.platform !== 'linux') return [];
  const title = `postgres: ${clusterName(place)}: `;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => commandLine(pid)[0]?.startsWith(title));
}

/** Shown in the title of every child, so that orphans can be told from another server's. */
function clusterName(place: ServerPlace): string {
  return `hf-${createHash('sha256').update(dataFolder(place)).digest('hex').slice(0, 12)}`;
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** A port number only names the socket file here: no TCP is listened on. */
export const SOCKET_PORT = 5432;

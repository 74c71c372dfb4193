import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SERVER_ENVIRONMENT } from '@holdfast/postgres/embedded/binaries.ts';
import { type Owner, pickOwner } from '@holdfast/postgres/embedded/owner.ts';
import pg from 'pg';
import type { OracleServer } from './oracle-server.ts';

/**
 * A version as Debian packages it, in a folder of its own and behind a socket only. The embedded
 * server's starter does not do: it asks initdb for a locale provider that came with 17.
 */
export async function startDebianServer(version: number): Promise<OracleServer | null> {
  const bin = `/usr/lib/postgresql/${version}/bin`;
  if (!existsSync(join(bin, 'postgres'))) return null;
  const root = mkdtempSync(join(tmpdir(), `holdfast-oracle-${version}-`));
  chmodSync(root, 0o711);
  const owner = pickOwner(process.getuid?.() === 0);
  try {
    const data = ownedFolder(join(root, 'data'), owner);
    const run = ownedFolder(join(root, 'run'), owner);
    initialise(bin, data, owner);
    const child = launch(bin, { data, run, log: join(root, 'server.log'), owner });
    const url = `postgres://holdfast@/postgres?host=${encodeURIComponent(run)}&port=5432`;
    const stop = () => end(child, root);
    await untilAnswering(url, child, join(root, 'server.log')).catch(async (error) => {
      await stop();
      throw error;
    });
    return { version, url, stop };
  } catch (error) {
    rmSync(root, { recursive: true, force: true });
    throw error;
  }
}

function ownedFolder(folder: string, { uid, gid }: Owner): string {
  mkdirSync(folder, { mode: 0o700 });
  if (uid !== undefined) chownSync(folder, uid, gid ?? uid);
  return folder;
}

function initialise(bin: string, data: string, owner: Owner): void {
  const words = ['-D', data, '-U', 'holdfast', '-E', 'UTF8', '--locale=C', '--no-sync', '--auth=trust'];
  const made = spawnSync(join(bin, 'initdb'), words, {
    ...owner,
    env: SERVER_ENVIRONMENT,
    cwd: data,
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr || made.error?.message}`);
}

interface Launch {
  readonly data: string;
  readonly run: string;
  readonly log: string;
  readonly owner: Owner;
}

function launch(bin: string, { data, run, log, owner }: Launch): ChildProcess {
  const settings = { unix_socket_directories: run, listen_addresses: '', port: '5432', timezone: 'UTC' };
  const words = [
    '-D',
    data,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const output = openSync(log, 'a', 0o600);
  // Detached: a Ctrl-C is for the oracle, which then stops its servers in order.
  const child = spawn(join(bin, 'postgres'), words, {
    ...owner,
    env: SERVER_ENVIRONMENT,
    cwd: data,
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  return child;
}

async function untilAnswering(url: string, child: ChildProcess, log: string): Promise<void> {
  for (let left = 500; left > 0; left -= 1) {
    if (child.exitCode !== null) throw new Error(`PostgreSQL stopped at once: ${readFileSync(log, 'utf8')}`);
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    const answered = await client.connect().then(
      () => true,
      () => false,
    );
    await client.end().catch(() => {});
    if (answered) return;
    await sleep(20);
  }
  throw new Error(`PostgreSQL did not answer within 10 s: ${readFileSync(log, 'utf8')}`);
}

/** SIGINT: a fast shutdown. */
async function end(child: ChildProcess, root: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    await gone;
  }
  rmSync(root, { recursive: true, force: true });
}

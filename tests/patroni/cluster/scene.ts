import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';
import type { Scene } from '../../chaos/cluster/scene.ts';
import { postgresAccount } from './accounts.ts';
import { commandLineOf, pids, treeOf } from './process-table.ts';

/**
 * One temporary directory a suite, named by the harness's pid and start time. Every process that
 * belongs to it has the directory in its command line, or was started by one that has: PostgreSQL
 * (its children show their cluster's name instead), Patroni, etcd, controllers, agents.
 */
const PREFIX = 'holdfast-patroni-';

export function makeScene(): Scene {
  const root = join(tmpdir(), `${PREFIX}${process.pid}-${startTimeOf(process.pid)}`);
  const scene = {
    root,
    logs: join(root, 'logs'),
    shared: join(root, 'shared'),
    processFile: join(root, 'processes'),
    bridge: `pt${process.pid}`,
    network: '127.0.0',
  };
  for (const folder of [root, scene.logs, scene.shared]) mkdirSync(folder, { recursive: true, mode: 0o755 });
  chmodSync(scene.shared, 0o777);
  return scene;
}

/** A folder of the databases' account. */
export function ownedFolder(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { uid, gid } = postgresAccount();
  chownSync(path, uid, gid);
  return path;
}

/** Ends every process of the scene and removes its directory. Twice is as good as once. */
export async function sweepScene(root: string, harness: number): Promise<void> {
  for (let left = processesOf(root, harness); left.length > 0; left = processesOf(root, harness)) {
    for (const pid of left) kill(pid);
    await sleep(50);
  }
  rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

/** What harnesses that were killed have left. */
export async function sweepDead(): Promise<readonly string[]> {
  const swept: string[] = [];
  for (const name of readdirSync(tmpdir())) {
    const match = new RegExp(`^${PREFIX}(\\d+)-(\\d+)$`).exec(name);
    if (!match || startTimeOf(Number(match[1])) === match[2]) continue;
    const root = join(tmpdir(), name);
    await sweepScene(root, Number(match[1]));
    swept.push(root);
  }
  return swept;
}

function processesOf(root: string, harness: number): readonly number[] {
  const title = new RegExp(`^postgres: pt${harness}-`);
  const named = pids().filter((pid) => {
    const line = commandLineOf(pid);
    return pid !== process.pid && (line.includes(root) || title.test(line));
  });
  return [...named, ...writtenDown(root)].flatMap((pid) => treeOf(pid));
}

function writtenDown(root: string): readonly number[] {
  let text = '';
  try {
    text = readFileSync(join(root, 'processes'), 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([pid, startTime]) => pid && startTimeOf(Number(pid)) === startTime)
    .map(([pid]) => Number(pid));
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended in between.
  }
}

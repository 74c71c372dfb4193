import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stopInstances } from '@holdfast/agent/host/stop-instances.ts';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';
import { pickOwner } from '@holdfast/postgres/embedded/owner.ts';
import { type ServerPlace, SOCKET_PORT, stopServer } from '@holdfast/postgres/embedded/server.ts';
import type { Scene } from '../../chaos/cluster/scene.ts';
import { treeOf } from '../../patroni/cluster/process-table.ts';

/** One directory a suite, named by the harness's pid and start time; everything it starts is below it. */
const PREFIX = 'holdfast-zero-drop-';

export function makeScene(): Scene {
  const root = join(tmpdir(), `${PREFIX}${process.pid}-${startTimeOf(process.pid)}`);
  const scene = {
    root,
    logs: join(root, 'logs'),
    shared: join(root, 'shared'),
    processFile: join(root, 'processes'),
    bridge: 'lo',
    network: '127.0.0',
  };
  for (const folder of [root, scene.logs, scene.shared]) mkdirSync(folder, { recursive: true, mode: 0o755 });
  chmodSync(root, 0o711);
  return scene;
}

export function databasePlace(root: string): ServerPlace {
  return {
    root: join(root, 'postgres'),
    cache: join(root, 'cache'),
    owner: pickOwner(process.getuid?.() === 0),
    port: SOCKET_PORT,
  };
}

export function agentFolder(root: string, name: string): string {
  return join(root, 'agents', name);
}

/**
 * Ends every process of the scene and removes its directory; twice is as good as once. Agents go
 * before the instances, which they would start again, and instances before their folders.
 */
export async function sweepScene(root: string): Promise<void> {
  await endProcesses(join(root, 'processes'));
  const agents = join(root, 'agents');
  const names = existsSync(agents) ? readdirSync(agents) : [];
  await Promise.all(names.map((name) => stopInstances(join(agents, name))));
  await stopServer(databasePlace(root));
  rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

/** With what they have forked: a router's workers are its children. */
async function endProcesses(file: string): Promise<void> {
  if (!existsSync(file)) return;
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const alive = lines
    .map((line) => line.split(' '))
    .filter(([pid, startTime]) => pid && startTimeOf(Number(pid)) === startTime)
    .flatMap(([pid]) => treeOf(Number(pid)));
  for (const pid of alive) kill(pid);
  while (alive.some((pid) => startTimeOf(pid) !== null)) await sleep(20);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended in between.
  }
}

/** What harnesses that were killed have left. */
export async function sweepDead(): Promise<readonly string[]> {
  const swept: string[] = [];
  for (const name of readdirSync(tmpdir())) {
    const match = new RegExp(`^${PREFIX}(\\d+)-(\\d+)$`).exec(name);
    if (!match || startTimeOf(Number(match[1])) === match[2]) continue;
    await sweepScene(join(tmpdir(), name));
    swept.push(name);
  }
  return swept;
}

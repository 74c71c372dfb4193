import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';
import { pidsIn } from './network.ts';
import { NETWORK_PREFIX, SCENE_PREFIX } from './scene.ts';

/**
 * Removes every trace of a suite: processes, namespaces, bridge, directory. Doing it twice is doing
 * it once. At the end for the suite's own pid, at the start for those whose harness is dead.
 */
export async function sweepScene(pid: number, root: string | null): Promise<void> {
  const namespaces = namespacesOf(pid);
  for (const namespace of namespaces) await emptyNamespace(namespace);
  if (root !== null) await endProcesses(join(root, 'processes'));
  for (const namespace of namespaces) ip('netns', 'del', namespace);
  // A veth goes with its namespace, but late while a connection in it is still being given up.
  for (const link of linksOf(pid)) ip('link', 'del', link);
  if (root !== null) rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

export async function sweepDead(): Promise<readonly number[]> {
  const scenes = readdirSync(tmpdir()).flatMap((name) => {
    const match = new RegExp(`^${SCENE_PREFIX}(\\d+)-(\\d+)$`).exec(name);
    return match ? [{ pid: Number(match[1]), startTime: match[2], root: join(tmpdir(), name) }] : [];
  });
  const alive = scenes.filter((scene) => startTimeOf(scene.pid) === scene.startTime).map(({ pid }) => pid);
  const dead = new Map<number, string | null>();
  for (const pid of pidsWithNetwork()) if (startTimeOf(pid) === null) dead.set(pid, null);
  for (const { pid, root } of scenes) if (!alive.includes(pid)) dead.set(pid, root);
  for (const [pid, root] of dead) await sweepScene(pid, root);
  return [...dead.keys()];
}

/** Everything in it, until nothing is left: what is being killed may still be forking. */
export async function emptyNamespace(namespace: string): Promise<void> {
  for (let pids = pidsIn(namespace); pids.length > 0; pids = pidsIn(namespace)) {
    for (const pid of pids) kill(pid);
    await sleep(10);
  }
}

async function endProcesses(file: string): Promise<void> {
  if (!existsSync(file)) return;
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const left = () =>
    lines
      .map((line) => line.split(' '))
      .filter(([pid, startTime]) => startTimeOf(Number(pid)) === startTime)
      .map(([pid]) => Number(pid));
  for (let pids = left(); pids.length > 0; pids = left()) {
    for (const pid of pids) kill(pid);
    await sleep(20);
  }
}

function namespacesOf(pid: number): string[] {
  return namespaces().filter((name) => new RegExp(`^${NETWORK_PREFIX}${pid}(n\\d+|try)$`).test(name));
}

function linksOf(pid: number): string[] {
  return links().filter((name) => new RegExp(`^${NETWORK_PREFIX}${pid}(v\\d+)?$`).test(name));
}

function pidsWithNetwork(): number[] {
  const owners = [...namespaces(), ...links()].flatMap(
    (name) => new RegExp(`^${NETWORK_PREFIX}(\\d+)`).exec(name)?.[1] ?? [],
  );
  return [...new Set(owners.map(Number))];
}

function namespaces(): string[] {
  return existsSync('/run/netns') ? readdirSync('/run/netns') : [];
}

function links(): string[] {
  return existsSync('/sys/class/net') ? readdirSync('/sys/class/net') : [];
}

function ip(...words: string[]): void {
  spawnSync('ip', words, { stdio: 'ignore' });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended in between.
  }
}

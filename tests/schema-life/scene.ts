import { type ChildProcess, fork } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';
import { pickOwner } from '@holdfast/postgres/embedded/owner.ts';
import { type ServerPlace, SOCKET_PORT, stopServer } from '@holdfast/postgres/embedded/server.ts';

/** One directory a suite, named by the harness's pid and start time; everything it starts is below it. */
const PREFIX = 'holdfast-schema-life-';

export interface Scene {
  readonly root: string;
  readonly logs: string;
  /** Pid and start time of every process, for the suite that comes after a dead one. */
  readonly processFile: string;
}

export function makeScene(): Scene {
  const root = join(tmpdir(), `${PREFIX}${process.pid}-${startTimeOf(process.pid)}`);
  const scene = { root, logs: join(root, 'logs'), processFile: join(root, 'processes') };
  for (const folder of [root, scene.logs]) mkdirSync(folder, { recursive: true, mode: 0o755 });
  chmodSync(root, 0o711);
  return scene;
}

/** A server a lane; they share the copy of PostgreSQL. */
export function serverPlace(root: string, lane: number): ServerPlace {
  return {
    root: join(root, `lane-${lane}`),
    cache: join(root, 'cache'),
    owner: pickOwner(process.getuid?.() === 0),
    port: SOCKET_PORT,
  };
}

/** A program of this suite. What it says stands in a log by its name; its parent's end is its own. */
export function startChild<Settings extends { readonly name: string }>(
  scene: Scene,
  program: string,
  settings: Settings,
): ChildProcess {
  const log = openSync(join(scene.logs, `${settings.name}.log`), 'a');
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), [JSON.stringify(settings)], {
    stdio: ['ignore', log, log, 'ipc'],
    // Workers start hundreds of times: compiled sources are kept.
    env: { ...process.env, NODE_COMPILE_CACHE: join(scene.root, 'compiled') },
  });
  closeSync(log);
  if (child.pid) appendFileSync(scene.processFile, `${child.pid} ${startTimeOf(child.pid)}\n`);
  return child;
}

/** Twice is as good as once. */
export async function sweepScene(root: string): Promise<void> {
  await endProcesses(join(root, 'processes'));
  const lanes = existsSync(root) ? readdirSync(root).filter((name) => name.startsWith('lane-')) : [];
  await Promise.all(lanes.map((name) => stopServer(serverPlace(root, Number(name.slice(5))))));
  rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
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

/** SIGKILL also ends what is stopped. */
async function endProcesses(file: string): Promise<void> {
  if (!existsSync(file)) return;
  const left = () =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([pid, startTime]) => pid && startTimeOf(Number(pid)) === startTime)
      .map(([pid]) => Number(pid));
  for (let pids = left(); pids.length > 0; pids = left()) {
    for (const pid of pids) signal(pid, 'SIGKILL');
    await sleep(20);
  }
}

/** False when it is gone already. */
export function signal(pid: number | undefined, name: NodeJS.Signals): boolean {
  try {
    return pid !== undefined && process.kill(pid, name);
  } catch {
    return false;
  }
}

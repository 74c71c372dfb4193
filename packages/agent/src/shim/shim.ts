import { spawn } from 'node:child_process';
import { closeSync, constants, existsSync, fstatSync, openSync, readSync, statSync, watch } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { constants as system } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { bootId, groupMembers, startTimeOf } from '@holdfast/contract/process/process-identity.ts';
import { giveTree } from './give-tree.ts';

/** The agent's side of shim.sh: start one, find one again, wait for its end, end it. */
export interface ShimCommand {
  readonly words: readonly string[];
  readonly cwd: string;
  readonly env: { readonly [name: string]: string };
  readonly patienceSeconds: number;
  readonly identityFile: string;
  readonly user: StepUser | null;
}

/** As root, steps and instances run as somebody else. */
export interface StepUser {
  readonly uid: number;
  readonly gid: number;
}

export type ShimEnd =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: string }
  | { readonly kind: 'abandoned' }
  /** The shim itself is gone without a word: somebody killed it. */
  | { readonly kind: 'shimLost' };

const SCRIPT = fileURLToPath(new URL('./shim.sh', import.meta.url));
const WORDS_BYTES = 256;
const LOOK_MS = 200;
const SURVIVORS_MS = 1_200;

/** The folder and what lies in it become the command's account's, and nobody else gets in. */
export async function startShim(dir: string, command: ShimCommand): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const line = command.words.map(quote).join(' ');
  await writeFile(join(dir, 'command'), `cd ${quote(command.cwd)} || exit 1\nexec ${line}\n`, {
    mode: 0o600,
  });
  await giveTree(dir, command.user);
  const child = spawn('/bin/sh', [SCRIPT, dir, String(command.patienceSeconds), command.identityFile], {
    detached: true,
    stdio: 'ignore',
    cwd: '/',
    env: { ...command.env },
    ...(command.user ?? {}),
  });
  child.on('error', () => {});
  child.unref();
  await new Promise<void>((done) => child.once('spawn', done).once('error', () => done()));
}

export function isClaimed(dir: string): boolean {
  return existsSync(join(dir, 'claim'));
}

export async function waitForEnd(dir: string): Promise<ShimEnd> {
  const startedAt = performance.now();
  for (;;) {
    const end = readEnd(dir);
    if (end) return end;
    if (!isAlive(dir) && performance.now() - startedAt > 2_000) {
      // The exit file may have come between the two looks.
      const last = readEnd(dir);
      if (last) return last;
      killGroup(dir, 'SIGKILL');
      return existsSync(join(dir, 'abandoned')) ? { kind: 'abandoned' } : { kind: 'shimLost' };
    }
    await changed(dir);
  }
}

function readEnd(dir: string): ShimEnd | null {
  const [kind, code] = wordsOf(join(dir, 'exit'));
  if (kind === undefined) return null;
  if (kind === 'signal') return { kind: 'signal', signal: signalName(Number(code) - 128) };
  return { kind: 'exit', code: Number(code) };
}

/** Of a small file that may be taken away at any moment with its folder, or be replaced by what runs there. */
function wordsOf(file: string): readonly string[] {
  try {
    const handle = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      if (!fstatSync(handle).isFile()) return [];
      const bytes = Buffer.alloc(WORDS_BYTES);
      return bytes
        .toString('utf8', 0, readSync(handle, bytes, 0, WORDS_BYTES, 0))
        .trim()
        .split(' ');
    } finally {
      closeSync(handle);
    }
  } catch {
    return [];
  }
}

function signalName(number: number): string {
  return Object.entries(system.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`;
}

export function isAlive(dir: string): boolean {
  const shim = readShim(dir);
  return shim !== null && startTimeOf(shim.pid) === shim.startTime;
}

/**
 * null: there was none, or its pid is by now another process's, whose group must be left alone. Identity
 * is pid, start time and boot; a shim of an older version did not write down the boot. What runs there can write
 * what it likes: only a process of the folder's owner is believed to be its shim.
 */
function readShim(dir: string): { readonly pid: number; readonly startTime: string } | null {
  const [pid, startTime = '', boot] = wordsOf(join(dir, 'shim'));
  if (pid === undefined || (boot !== undefined && boot !== bootId())) return null;
  const leader = Number(pid);
  if (!Number.isSafeInteger(leader) || leader <= 1 || !isOfOwner(dir, leader)) return null;
  const now = startTimeOf(leader);
  return now === null || now === startTime ? { pid: leader, startTime } : null;
}

/** The leader, or where it is gone everybody whom it left. */
function isOfOwner(dir: string, leader: number): boolean {
  if (process.platform !== 'linux') return true;
  const owner = statSync(dir, { throwIfNoEntry: false })?.uid;
  // What runs there is whoever the agent is, and could do all of it by itself.
  if (owner === process.getuid?.()) return true;
  const uidOf = (pid: number) => statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
  const uid = uidOf(leader);
  const left = uid === undefined ? groupMembers(leader).map(uidOf) : [uid];
  // Of a group whose leader is gone nobody else can be a member of but who was started there.
  return left.length === 0 || left.some((one) => one === undefined || one === owner);
}

/** Signals everything the command started that stayed in its group. */
export function killGroup(dir: string, signal: NodeJS.Signals): void {
  const shim = readShim(dir);
  if (!shim) return;
  try {
    process.kill(-shim.pid, signal);
  } catch {
    // Nobody is left in the group.
  }
}

/** Somebody of the group outlived the command: looked at when the shim, too, is gone. */
export async function hasSurvivors(dir: string): Promise<boolean> {
  const shim = readShim(dir);
  if (!shim) return false;
  // Looked at for a moment: the shim writes its last word before it ends.
  const deadline = performance.now() + SURVIVORS_MS;
  for (let pauseMs = 1; performance.now() < deadline; pauseMs = Math.min(20, pauseMs * 2)) {
    if (groupMembers(shim.pid).length === 0) return false;
    await sleep(pauseMs);
  }
  return true;
}

function changed(dir: string): Promise<void> {
  return new Promise((done) => {
    const finish = () => {
      clearTimeout(timer);
      watcher?.close();
      done();
    };
    const timer = setTimeout(finish, LOOK_MS);
    let watcher: ReturnType<typeof watch> | undefined;
    try {
      watcher = watch(dir, (_event, name) => {
        if (name === 'exit') finish();
      });
      watcher.on('error', () => {});
    } catch {
      // The folder is gone; the next look says so.
    }
  });
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

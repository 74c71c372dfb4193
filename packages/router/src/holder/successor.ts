import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { SOCKET_TOLD } from '@holdfast/contract/router/socket-activation.ts';
import { type HolderName, takeName } from './holder-name.ts';
import { inheritedSocket, type ListeningSocket, SOCKETS_OF_WORKER } from './listening-socket.ts';
import type { HolderRecord, Identity } from './record.ts';

/**
 * A holder is followed by another one that inherits the listening socket, so that no connection
 * notices. Only a worker can start it: sockets go from parent to child, and the holder itself has
 * none that it may touch.
 */
const SOCKET_FD = 4;
const NAME_FD = 5;
const LOOK_MS = 100;
const AGAIN_MS = 5_000;

/** What one process of a router tells another by environment. */
export const TOLD = {
  routerId: 'HOLDFAST_ROUTER_ID',
  workerId: 'HOLDFAST_ROUTER_WORKER_ID',
  gone: 'HOLDFAST_ROUTER_GONE',
  /** Base64; RFC 5077's keys, as Node wants them. */
  ticketKeys: 'HOLDFAST_ROUTER_TICKET_KEYS',
  socket: SOCKET_TOLD.number,
  activated: SOCKET_TOLD.activated,
  /** As JSON: the living holder that asked for a successor; empty: it has died. */
  after: 'HOLDFAST_ROUTER_AFTER',
} as const;

/** What a holder was given by the process that started it. */
export interface Heritage {
  readonly socket: ListeningSocket | null;
  /** Started by a worker of its predecessor. */
  readonly successor: boolean;
  /** The predecessor, where it lives and has asked for this one. */
  readonly after: Identity | null;
  /** The holder's name, where the predecessor has died. */
  readonly named: number | null;
}

/** Taken out of the environment, which workers are given whole. */
export function readHeritage(): Heritage {
  const { [TOLD.socket]: fd, [TOLD.activated]: activated, [TOLD.after]: after } = process.env;
  for (const name of Object.values(TOLD)) delete process.env[name];
  return {
    socket: fd ? inheritedSocket(Number(fd), activated !== undefined) : null,
    successor: after !== undefined,
    after: after ? (JSON.parse(after) as Identity) : null,
    named: after === '' ? NAME_FD : null,
  };
}

export interface Heir {
  /** The living holder that asked for it, or the name that a dead one has left. */
  readonly from: { readonly after: Identity } | { readonly name: HolderName };
  /** Told of the process, for whoever must not leave it behind. */
  readonly started?: (child: ChildProcess) => void;
}

/** Resolves once the successor serves; fails when it ends before. */
export async function startSuccessor({ from, started }: Heir): Promise<void> {
  const inherited = Object.entries(process.env).filter(
    ([variable]) => !Object.values<string>(TOLD).includes(variable),
  );
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: [
      'ignore',
      'inherit',
      'inherit',
      'ipc',
      SOCKETS_OF_WORKER[0],
      ...('name' in from ? [from.name.fd] : []),
    ],
    env: {
      ...Object.fromEntries(inherited),
      [TOLD.socket]: String(SOCKET_FD),
      [TOLD.after]: 'after' in from ? JSON.stringify(from.after) : '',
    },
  });
  child.unref();
  started?.(child);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once('message', () => resolve());
  child.once('error', reject);
  child.once('exit', (code) => reject(new Error(`the next holder ended with ${code} before it served`)));
  await promise;
  child.removeAllListeners();
  if (child.connected) child.disconnect();
}

export interface Orphan {
  readonly record: HolderRecord;
  /** Whose worker this was. */
  readonly former: Identity;
  readonly address: { readonly data: string; readonly port: number };
  readonly say: (sentence: string) => void;
  /** This worker is going anyway. */
  readonly leaving: () => boolean;
  readonly started: (child: ChildProcess) => void;
}

/**
 * The holder has died. Its workers serve on, one of them starts the next holder, and all may go once
 * that one serves.
 */
export async function outliveHolder(orphan: Orphan): Promise<void> {
  const { record, former, address, leaving } = orphan;
  const isFollowed = () => record.readAfter(former) !== null;
  for (; !isFollowed() && !leaving(); await sleep(LOOK_MS * (1 + Math.random()))) {
    if (process.env[TOLD.activated]) continue;
    const name = await takeName(address);
    if (name === null) continue;
    // It may have come between the look and the name.
    const done = isFollowed() || leaving() || (await succeed(orphan, name));
    name.letGo();
    if (done) return;
  }
}

async function succeed({ say, started }: Orphan, name: HolderName): Promise<boolean> {
  say('the holder has died; starting the next one');
  try {
    await startSuccessor({ from: { name }, started });
    return true;
  } catch (error) {
    say((error as Error).message);
    await sleep(AGAIN_MS);
    return false;
  }
}

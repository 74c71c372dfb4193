import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { SOCKET_TOLD } from '@holdfast/contract/router/socket-activation.ts';
import { type HolderName, takeName } from './holder-name.ts';
import type { HolderRecord } from './record.ts';

/**
 * A holder is followed by another one that inherits the listening socket, so that no connection
 * notices. Only a worker can start it: sockets go from parent to child, and the holder itself has
 * none that it may touch.
 */
const SOCKET_FD = 4;
const LOOK_MS = 100;
const AGAIN_MS = 1_000;

/** What one process of a router tells another by environment. */
export const TOLD = {
  routerId: 'HOLDFAST_ROUTER_ID',
  workerId: 'HOLDFAST_ROUTER_WORKER',
  gone: 'HOLDFAST_ROUTER_GONE',
  socket: SOCKET_TOLD.number,
  activated: SOCKET_TOLD.activated,
  /** The holder was started by a worker of its predecessor. */
  successor: 'HOLDFAST_ROUTER_SUCCESSOR',
} as const;

/** Resolves once the successor serves; fails when it ends before. */
export async function startSuccessor(socket: number, name?: HolderName): Promise<void> {
  const inherited = Object.entries(process.env).filter(
    ([variable]) => !Object.values<string>(TOLD).includes(variable),
  );
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', socket, ...(name ? [name.fd] : [])],
    env: {
      ...Object.fromEntries(inherited),
      [TOLD.socket]: String(SOCKET_FD),
      [TOLD.successor]: name ? 'named' : 'asked',
    },
  });
  child.unref();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once('message', () => resolve());
  child.once('error', reject);
  child.once('exit', (code) => reject(new Error(`the next holder ended with ${code} before it served`)));
  await promise;
  child.removeAllListeners();
  child.disconnect();
}

export interface Orphan {
  readonly record: HolderRecord;
  readonly address: { readonly data: string; readonly port: number };
  readonly socket: number;
  readonly say: (sentence: string) => void;
}

/**
 * The holder has died. Its workers serve on, one of them starts the next holder, and all may go once
 * that one serves.
 */
export async function outliveHolder({ record, address, socket, say }: Orphan): Promise<void> {
  for (; record.read() === null; await sleep(LOOK_MS * (1 + Math.random()))) {
    if (process.env[TOLD.activated]) continue;
    const name = await takeName(address);
    if (name === null) continue;
    // It may have come between the look and the name.
    if (record.read() === null) {
      say('the holder has died; starting the next one');
      await startSuccessor(socket, name).catch(async (error: Error) => {
        say(error.message);
        await sleep(AGAIN_MS);
      });
    }
    name.letGo();
  }
}

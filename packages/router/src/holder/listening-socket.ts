import { lookup } from 'node:dns/promises';
import { closeSync } from 'node:fs';
import * as net from 'node:net';
import { getSystemErrorName } from 'node:util';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Place } from '../front.ts';

/**
 * The socket that users connect to, as its holder has it: bound, and listened to by workers only. It
 * lives as long as its holder or any worker, so that connections wait while there is no worker.
 */
export interface ListeningSocket {
  readonly fd: number;
  /** A service manager keeps it: it outlives the router. */
  readonly activated: boolean;
  /** The holder's own; whoever was given it keeps theirs. */
  close(): void;
}

/**
 * Node accepts one connection by each listening handle in a turn of its event loop (libuv since 1.45). A worker
 * that is busy all the time would let new connections wait for seconds while it serves those that
 * stand, so it has the socket this many times: behind standard input, output, error and the channel.
 */
export const SOCKETS_OF_WORKER = [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19] as const;

export function stdioOfWorker({ fd }: ListeningSocket): ('inherit' | 'ipc' | number)[] {
  return ['inherit', 'inherit', 'inherit', 'ipc', ...SOCKETS_OF_WORKER.map(() => fd)];
}

export function inheritedSocket(fd: number, activated: boolean): ListeningSocket {
  return { fd, activated, close: () => closeSync(fd) };
}

/** What Node's own cluster module binds with, and passes on: a handle that does not accept. */
interface BoundHandle {
  readonly fd: number;
  /** 0, or why it is not bound after all: a port that is taken is noticed late. */
  getsockname(place: object): number;
  close(): void;
}
type Bind = (host: string, port: number, family: 4 | 6, fd: -1, flags: 0) => BoundHandle | number;

/** @throws HoldfastError portTaken, or usageInvalid for an address that this machine does not have. */
export async function bindSocket(place: Place): Promise<ListeningSocket> {
  const { _createServerHandle: bind } = net as unknown as { readonly _createServerHandle: Bind };
  const { address, family } = await lookup(place.host).catch((error) => {
    throw cannotListen(place, error.code);
  });
  const made = bind(address, place.port, family === 6 ? 6 : 4, -1, 0);
  const failed = typeof made === 'number' ? made : made.getsockname({});
  if (failed !== 0) throw cannotListen(place, getSystemErrorName(failed));
  const handle = made as BoundHandle;
  return { fd: handle.fd, activated: false, close: () => handle.close() };
}

/** In a holder that binds, or in a worker when another bound at the same time and listened first. */
export function cannotListen(place: Place, code: string): HoldfastError {
  return code === 'EADDRINUSE'
    ? new HoldfastError('portTaken', `the router's port is in use by another process`)
    : new HoldfastError('usageInvalid', `--listen ${place.host}:${place.port} cannot be used: ${code}`);
}

import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/**
 * Of the holders and orphaned workers of one address, at most one has its name: an abstract socket,
 * which the kernel takes back from whoever dies, however it dies. Linux only.
 */
export interface HolderName {
  /** Given to a successor, whose name it is from then on. */
  readonly fd: number;
  letGo(): void;
}

/** null: another process has it. */
export function takeName(address: {
  readonly data: string;
  readonly port: number;
}): Promise<HolderName | null> {
  const digest = createHash('sha256').update(`${address.data} ${address.port}`).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  return new Promise((done) => {
    server.once('error', () => done(null));
    // Exclusive: a worker must not ask a holder that has died.
    server.listen({ path: `\0holdfast-router-${digest}`, exclusive: true }, () =>
      done({ fd: fdOf(server), letGo: () => server.close() }),
    );
    server.unref();
  });
}

/** Of a listening server. Node gives it no public name; its own cluster module passes sockets on by it. */
export function fdOf(server: Server): number {
  const fd = (server as unknown as { readonly _handle: { readonly fd: number } | null })._handle?.fd;
  if (fd === undefined || fd < 0) throw new Error('this server does not listen');
  return fd;
}

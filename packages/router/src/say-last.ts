import type { Duplex } from 'node:stream';

const READ_LIMIT_MS = 1_000;

/** An answer and the end of its connection, which Node no longer watches: who does not hang up is hung up on. */
export function sayLast(socket: Duplex, answer: string): void {
  if (!socket.writable) return void socket.destroy();
  socket.end(answer);
  setTimeout(() => socket.destroy(), READ_LIMIT_MS).unref();
}

import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Database } from './database.ts';

/** A server that greets, and dies in the same breath: both messages come in one piece (PostgreSQL manual, 54.7). */
let server: Server;
const open = new Set<Socket>();

beforeEach(async () => {
  server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => socket.end(Buffer.concat([AUTHENTICATED, READY, DYING])));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterEach(async () => {
  for (const socket of open) socket.destroy();
  await new Promise((done) => server.close(done));
});

function message(kind: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(kind), length, body]);
}
const AUTHENTICATED = message('R', Buffer.alloc(4));
const READY = message('Z', Buffer.from('I'));
const DYING = message(
  'E',
  Buffer.from('SFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0'),
);

test('a server that dies as soon as it has let us in is away, and takes nobody with it', async () => {
  const { port } = server.address() as { port: number };
  const database = new Database(`postgresql://holdfast@127.0.0.1:${port}/holdfast`);
  for (let time = 0; time < 3; time += 1)
    await expect(database.query('SELECT 1')).rejects.toMatchObject({ code: 'databaseUnavailable' });
  await database.close();
});

import { createServer } from 'node:net';

/**
 * Below what Linux gives to outgoing connections (net.ipv4.ip_local_port_range): a port from there may
 * be taken by anybody's connection before it is listened on.
 */
const LEAST = 20_000;
const MOST = 32_000;

/** The first of so many ports in a row that nobody listens on. */
export async function freePorts(count: number): Promise<number> {
  for (let tried = 0; tried < 50; tried += 1) {
    const first = LEAST + Math.floor(Math.random() * (MOST - LEAST));
    const free = await Promise.all(Array.from({ length: count }, (_, index) => isFree(first + index)));
    if (free.every(Boolean)) return first;
  }
  throw new Error('no free ports');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}

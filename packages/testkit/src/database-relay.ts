import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Database } from '@holdfast/postgres/database.ts';
import pg from 'pg';

/**
 * A way to a test's database that loses what a network loses. The test says what becomes of each thing
 * that a client says (PostgreSQL's messages, several to a piece).
 */
export type Fate =
  | 'pass'
  /** It never arrives, and the connection is gone. */
  | 'cutBefore'
  /** It is done, and the connection is gone before the answer. */
  | 'cutAfter'
  /** It is answered, and no notification comes any more. */
  | 'deafen';

export interface DatabaseRelay {
  readonly url: string;
  /** Pieces with notifications that came from the server, whether they were passed on or not. */
  notifications(): number;
  stop(): Promise<void>;
}

const NOTIFICATION = 'A'.charCodeAt(0);

export async function startDatabaseRelay(
  database: Database,
  fateOf: (said: string) => Fate,
): Promise<DatabaseRelay> {
  const { host, port: number, user, database: name } = new pg.Client({ connectionString: database.url });
  const socket = join(host, `.s.PGSQL.${number}`);
  const open = new Set<Socket>();
  let notifications = 0;
  const server = createServer((client) => {
    const upstream = connect(socket);
    let fate: Fate = 'pass';
    for (const side of [client, upstream]) {
      open.add(side);
      side.on('error', () => {});
      side.once('close', () => {
        open.delete(side);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (piece) => {
      if (fate !== 'deafen') fate = fateOf(piece.toString('latin1'));
      if (fate === 'cutBefore') client.destroy();
      else upstream.write(piece);
    });
    upstream.on('data', (piece) => {
      const notifies = piece[0] === NOTIFICATION;
      if (notifies) notifications += 1;
      if (fate === 'cutAfter') client.destroy();
      else if (fate !== 'deafen' || !notifies) client.write(piece);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `postgres://${user}@127.0.0.1:${port}/${name}`,
    notifications: () => notifications,
    stop: async () => {
      for (const side of open) side.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '@holdfast/postgres/database.ts';
import { pickOwner } from '@holdfast/postgres/embedded/owner.ts';
import { type ServerPlace, startServer, stopServer } from '@holdfast/postgres/embedded/server.ts';
import { migrate } from '@holdfast/postgres/migrate.ts';
import pg from 'pg';

/**
 * A real PostgreSQL for one test file: started once, a template migrated once, and a fresh copy of
 * the template for each test.
 */
export interface TestServer {
  readonly place: ServerPlace;
  database(): Promise<Database>;
  stop(): Promise<void>;
}

export async function startTestServer(): Promise<TestServer> {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-pg-'));
  chmodSync(root, 0o711);
  const place = {
    root: join(root, 'pg'),
    cache: join(root, 'cache'),
    owner: pickOwner(process.getuid?.() === 0),
    port: 5432,
  };
  const { url } = await startServer(place);
  const template = new Database(url);
  await migrate(template);
  await template.close();
  const open: Database[] = [];
  let made = 0;
  return {
    place,
    database: async () => {
      made += 1;
      const name = `copy_${made}`;
      await admin(url, `CREATE DATABASE ${name} TEMPLATE holdfast`);
      const database = new Database(url.replace('/holdfast?', `/${name}?`));
      open.push(database);
      return database;
    },
    stop: async () => {
      await Promise.all(open.map((database) => database.close()));
      await stopServer(place);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

async function admin(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url.replace('/holdfast?', '/postgres?') });
  await client.connect();
  await client.query(statement);
  await client.end();
}

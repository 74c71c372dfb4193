import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSession } from '../execute/session.ts';
import { lint } from '../lint/lint.ts';
import { loadParser } from '../sql/parse-sql.ts';
import { readCatalog } from './read-catalog.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await loadParser();
});
afterAll(() => server.stop());

test('a partitioned table is as large as its partitions, also before anybody analysed it', async () => {
  const { url } = await server.database();
  const session = await openSession([url], 'catalog');
  try {
    for (const text of [
      'CREATE TABLE events (id bigint, at date NOT NULL) PARTITION BY RANGE (at)',
      `CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2026-01-01') PARTITION BY RANGE (at)`,
      `CREATE TABLE events_2025 PARTITION OF events_old FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') WITH (autovacuum_enabled = off)`,
      `CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')`,
      `INSERT INTO events SELECT n, '2025-05-05' FROM generate_series(1, 300000) n`,
      'CREATE TABLE plain (id int)',
      'INSERT INTO plain VALUES (1)',
    ])
      await session.query(text);
    const catalog = await readCatalog(session);
    const partition = catalog.table('events_2025');
    expect(partition?.bytes).toBeGreaterThan(8 * 1024 * 1024);
    for (const name of ['events', 'events_old']) expect(catalog.table(name)?.bytes).toBe(partition?.bytes);
    expect(catalog.table('events_2026')?.bytes).toBe(0);
    expect(catalog.table('plain')?.bytes).toBeGreaterThan(0);
    const severities = (table: string) =>
      lint({ path: 'm/1.sql', text: `CREATE INDEX ON ${table} (id);`, phase: 'expand' }, catalog).map(
        ({ severity }) => severity,
      );
    expect(severities('events')).toContain('error');
    expect(severities('plain')).not.toContain('error');
  } finally {
    await session.close();
  }
});

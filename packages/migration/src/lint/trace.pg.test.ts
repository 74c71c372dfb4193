import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSession } from '../execute/session.ts';
import { loadParser, parseSql } from '../sql/parse-sql.ts';
import { trace } from './trace.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await loadParser();
});
afterAll(() => server.stop());

test('each statement shows the locks that it takes, and nothing of it stays', async () => {
  const { url } = await server.database();
  const session = await openSession([url], 'trace');
  try {
    await session.query('CREATE TABLE orders (id bigint PRIMARY KEY, note text)');
    await session.query('CREATE TABLE buyers (id bigint PRIMARY KEY)');
    await session.query('CREATE TABLE old (id bigint)');
    const text = `
      CREATE INDEX orders_note ON orders (note);
      ALTER TABLE orders ADD COLUMN buyer bigint;
      ALTER TABLE orders ADD COLUMN paid boolean;
      ALTER TABLE orders ADD CONSTRAINT of_buyer FOREIGN KEY (buyer) REFERENCES buyers NOT VALID;
      DROP TABLE old;
      CREATE TABLE fresh (id bigint);
      CREATE INDEX CONCURRENTLY ON buyers (id);`;
    const traced = await trace(session, parseSql('m/1.sql', text));
    expect(traced.map(({ seen }) => seen)).toEqual([
      [{ relation: 'orders', lock: 'SHARE' }],
      [{ relation: 'orders', lock: 'ACCESS EXCLUSIVE' }],
      [],
      expect.arrayContaining([{ relation: 'buyers', lock: 'SHARE ROW EXCLUSIVE' }]),
      [{ relation: 'old', lock: 'ACCESS EXCLUSIVE' }],
      [],
      null,
    ]);
    expect(traced[2]?.unseen).toEqual([{ relation: 'orders', lock: 'ACCESS EXCLUSIVE' }]);
    expect(traced.every(({ agrees }) => agrees)).toBe(true);
    const left = await session.query(
      "SELECT 1 FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'buyer'",
    );
    expect(left.rows).toEqual([]);
  } finally {
    await session.close();
  }
});

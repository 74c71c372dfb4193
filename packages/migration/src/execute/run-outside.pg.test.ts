import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { app, customers, openDatabase, rows, run, session, sql, through, url, work } from './phase-bench.ts';
import { openSession } from './session.ts';
import { workOnPhase } from './work-on-phase.ts';

/** What runs outside a transaction, and what a try that was killed leaves of it. */
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());
beforeEach(() => openDatabase(server));

test('a statement that fails for good says so, and a leftover index of a failed try is cleared away', async () => {
  await customers(10);
  await app.query("ALTER TABLE customers ADD COLUMN code text DEFAULT 'same'");
  const source = sql({ expand: 'CREATE UNIQUE INDEX CONCURRENTLY customers_code ON customers (code);' });
  expect(await run(source, 'expand')).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('could not create unique index'),
  });
  expect(await rows("SELECT 1 FROM pg_class WHERE relname = 'customers_code'")).toEqual([]);
  await app.query('UPDATE customers SET code = id');
  await through(source, 'expand');
});

test('an index whose name another table has is refused, and the other one stays', async () => {
  await customers(10);
  await app.query('CREATE TABLE users (mail text); CREATE INDEX by_mail ON users (mail)');
  const source = sql({ expand: 'CREATE INDEX CONCURRENTLY by_mail ON customers (mail);' });
  expect(await run(source, 'expand')).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('by_mail is not an index of customers'),
  });
  expect(
    await rows(
      "SELECT 'users'::regclass = indrelid AS there FROM pg_index WHERE indexrelid = 'by_mail'::regclass",
    ),
  ).toEqual([{ there: true }]);
});

test('an index without a name is made once, and a leftover of it is cleared away', async () => {
  await customers(10);
  await app.query("ALTER TABLE customers ADD COLUMN code text DEFAULT 'same'");
  const source = sql({ expand: 'CREATE UNIQUE INDEX CONCURRENTLY ON customers (code);' });
  expect(await run(source, 'expand')).toMatchObject({ kind: 'failed' });
  await app.query('UPDATE customers SET code = id');
  await through(source, 'expand');
  const indexes = await rows(
    "SELECT indisvalid AS valid FROM pg_index WHERE pg_get_indexdef(indexrelid) LIKE '%customers%(code)'",
  );
  expect(indexes).toEqual([{ valid: true }]);
});

/** Kills it while it waits for somebody who has the table in use, and lets that one go. */
async function killedHalfway(text: string): Promise<void> {
  await app.query('BEGIN; SELECT count(*) FROM customers');
  const killed = await openSession([url], 'killed');
  const working = workOnPhase(killed, work(sql({ expand: text }), 'expand'));
  const watching = await openSession([url], 'watching');
  await vi.waitFor(async () => {
    const { rows: waiting } = await watching.query(
      "SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name = 'killed' AND NOT l.granted",
    );
    expect(waiting).toHaveLength(1);
  });
  await watching.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'killed'",
  );
  expect(await working).toMatchObject({ kind: 'waits' });
  await app.query('COMMIT');
  await killed.close();
  await watching.close();
}

test.each(['TABLE customers', 'INDEX customers_mail'])(
  'REINDEX %s that was killed leaves no half-built index behind',
  async (what) => {
    await customers(10);
    const text = `REINDEX ${what.replace(' ', ' CONCURRENTLY ')};`;
    await killedHalfway(text);
    const invalid = 'SELECT count(*)::int AS invalid FROM pg_index WHERE NOT indisvalid';
    expect(await rows(invalid)).not.toEqual([{ invalid: 0 }]);
    await through(sql({ expand: text }), 'expand');
    expect(await rows(invalid)).toEqual([{ invalid: 0 }]);
  },
);

const PARTITIONS =
  "SELECT inhdetachpending AS pending FROM pg_inherits WHERE inhparent = 'customers'::regclass";

test('a partition that was half detached is detached to the end, and one that is out stays so', async () => {
  await app.query(
    `CREATE TABLE customers (id bigint) PARTITION BY RANGE (id);
     CREATE TABLE customers_old PARTITION OF customers FOR VALUES FROM (0) TO (10)`,
  );
  const text = 'ALTER TABLE customers DETACH PARTITION customers_old CONCURRENTLY;';
  await killedHalfway(text);
  expect(await rows(PARTITIONS)).toEqual([{ pending: true }]);
  const source = sql({ expand: text });
  await through(source, 'expand');
  expect(await rows(PARTITIONS)).toEqual([]);
  // Killed between the statement and its mark.
  await app.query("UPDATE holdfast.step SET done = false WHERE phase = 'expand'");
  await through(source, 'expand');
});

test('a partition of another table is refused, not taken for one that is out', async () => {
  await app.query(
    `CREATE TABLE customers (id bigint) PARTITION BY RANGE (id);
     CREATE TABLE orders (id bigint) PARTITION BY RANGE (id);
     CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM (0) TO (10)`,
  );
  const source = sql({ expand: 'ALTER TABLE customers DETACH PARTITION orders_old CONCURRENTLY;' });
  expect(await run(source, 'expand')).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('is not a partition of'),
  });
});

test('who is no superuser leaves what a killed REINDEX left of a TOAST table, and goes on', async () => {
  await customers(10);
  const text = 'REINDEX TABLE CONCURRENTLY customers;';
  await killedHalfway(text);
  await app.query(
    `CREATE ROLE owner; ALTER TABLE customers OWNER TO owner; GRANT CREATE ON SCHEMA public TO owner;
     DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO owner', current_database()); END $$;
     ALTER SCHEMA holdfast OWNER TO owner; ALTER TABLE holdfast.migration OWNER TO owner; ALTER TABLE holdfast.step OWNER TO owner`,
  );
  const owner = await openSession([url], 'owner');
  await owner.script('SET SESSION AUTHORIZATION owner');
  expect(await workOnPhase(owner, work(sql({ expand: text }), 'expand'))).toEqual({ kind: 'done' });
  await owner.close();
});

test('a controller that sleeps with the lock of an index build has it for a minute at most', async () => {
  expect((await session.query("SELECT current_setting('idle_session_timeout') AS limit")).rows).toEqual([
    { limit: '1min' },
  ]);
});

import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  app,
  customers,
  declared,
  openDatabase,
  rows,
  run,
  session,
  sql,
  through,
  url,
  work,
} from './phase-bench.ts';
import { beginCompare, nextRange } from './run-compare.ts';
import { openSession } from './session.ts';
import { workOnPhase } from './work-on-phase.ts';

/** Whose rows a backfill leaves alone, and which it does not miss. */
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());
beforeEach(() => openDatabase(server));

const RENAME = declared('changes:\n  - rename: { table: customers, column: mail, to: email }');

test('what the backfill of another change writes is followed by the columns that are kept twice', async () => {
  await customers(10);
  await through(RENAME, 'expand', 'backfill', 'verify');
  const other = { ...sql({ backfill: 'UPDATE customers SET mail = upper(mail) WHERE id <= 3' }), version: 8 };
  await through(other, 'expand', 'backfill', 'verify');
  expect(await rows('SELECT count(*)::int AS differ FROM customers WHERE mail <> email')).toEqual([
    { differ: 0 },
  ]);
});

test('a text keeps its spaces and line ends on the way through the grammar', async () => {
  await customers(1);
  await app.query("UPDATE customers SET mail = E'a\\nb  c'");
  await through(
    sql({ backfill: "UPDATE customers SET mail = replace(mail, E'\\n', '   ') WHERE mail LIKE E'%\\n%'" }),
    'expand',
    'backfill',
  );
  expect(await rows('SELECT mail FROM customers')).toEqual([{ mail: 'a   b  c' }]);
});

test('only what fills the rows that came back is run again', async () => {
  await customers(10);
  await app.query('ALTER TABLE customers ADD COLUMN cents int NOT NULL DEFAULT 1, ADD COLUMN email text');
  const source = sql({
    backfill:
      'UPDATE customers SET cents = cents * 100 WHERE id > 0; UPDATE customers SET email = mail WHERE email IS NULL',
  });
  await through(source, 'expand', 'backfill');
  await app.query("INSERT INTO customers (mail) VALUES ('late')");
  expect(await run(source, 'verify')).toMatchObject({ kind: 'differs' });
  await through(source, 'backfill', 'verify');
  expect(await rows('SELECT DISTINCT cents FROM customers WHERE id <= 10')).toEqual([{ cents: 100 }]);
  expect(await rows("SELECT email FROM customers WHERE mail = 'late'")).toEqual([{ email: 'late' }]);
});

test('who is killed between finding that rows differ and saying so is followed by one who says it', async () => {
  await customers(10);
  await through(RENAME, 'expand', 'backfill');
  await app.query(
    "SET holdfast.backfill_of = 'nobody'; ALTER TABLE customers DISABLE TRIGGER USER; UPDATE customers SET mail = 'old' WHERE id = 1; ALTER TABLE customers ENABLE TRIGGER USER",
  );
  expect(await run(RENAME, 'verify')).toMatchObject({ kind: 'differs' });
  // The controller did not hear that.
  expect(await run(RENAME, 'verify')).toMatchObject({ kind: 'differs' });
  await through(RENAME, 'backfill', 'verify', 'contract');
  expect(await rows('SELECT email FROM customers WHERE id = 1')).toEqual([{ email: 'old' }]);
});

test('a table whose rows the role may not all see is an error, not an empty table', async () => {
  await customers(10);
  const [{ database = '' } = {}] = (await rows('SELECT current_database() AS database')) as {
    database?: string;
  }[];
  const role = `owner_of_${database}`;
  await app.query(`CREATE ROLE "${role}" LOGIN;
    GRANT CREATE ON DATABASE "${database}" TO "${role}"; GRANT ALL ON SCHEMA public TO "${role}";
    ALTER TABLE customers OWNER TO "${role}"; ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
    ALTER TABLE customers FORCE ROW LEVEL SECURITY; CREATE POLICY nobody ON customers USING (false)`);
  const limited = await openSession([url.replace(/\/\/[^@]*@/, `//${role}@`)], 'limited');
  try {
    const source = sql({ backfill: "UPDATE customers SET mail = 'x' WHERE mail <> 'x'" });
    const outcomes = [];
    for (const phase of ['expand', 'backfill'] as const)
      outcomes.push(await workOnPhase(limited, work(source, phase)));
    expect(outcomes.at(-1)).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('row-level security'),
    });
  } finally {
    await limited.close();
  }
  expect(await rows("SELECT 1 FROM customers WHERE mail = 'x'")).toEqual([]);
});

test('an abort drops the view that the change made, and none that was there before', async () => {
  await customers(1);
  await app.query('CREATE SCHEMA app_7; CREATE VIEW app_7.customers AS SELECT id FROM customers');
  const views = declared('changes:\n  - rename: { table: customers, column: mail, to: email, views: app_7 }');
  expect(await run(views, 'expand')).toMatchObject({ kind: 'failed' });
  await through(views, 'abort');
  expect(await rows('SELECT id FROM app_7.customers')).toHaveLength(1);
  await app.query('DROP VIEW app_7.customers');
  await through(views, 'expand', 'abort');
  expect(await rows("SELECT to_regclass('app_7.customers') AS view")).toEqual([{ view: null }]);
});

test('a comparison that takes too long is cut smaller, by whoever goes on, until it comes through', async () => {
  await customers(2_000);
  expect(await run(RENAME, 'expand', { fence: 1_000 })).toEqual({ kind: 'done' });
  const at = { scope: 'shop/production', version: 7, fence: 1_000, phase: 'verify', place: 0 } as const;
  // A millisecond a row, at least.
  const slow = { kind: 'compare', alias: 't', table: 'customers', sentence: 'rows' } as const;
  const step = { ...slow, where: 'pg_sleep(0.001) IS NULL' };
  let tries = 0;
  for (let done = false; !done; tries += 1) {
    expect(tries).toBeLessThan(60);
    const comparing = await beginCompare(session, step, at);
    done = await nextRange(session, comparing, 400).then(
      ({ row }) => row.done,
      (error: { code?: string }) => {
        expect(error.code).toBe('57014');
        return false;
      },
    );
  }
  const { row } = await beginCompare(session, step, at);
  expect(row).toMatchObject({ rows: 2_000, found: 0 });
  expect(row.batch).toBeLessThan(400);
});

test('a row that moves on before it was filled is filled as it goes, by its key or without one', async () => {
  await customers(10);
  await app.query(
    'CREATE TABLE events (mail text, hits int DEFAULT 0); INSERT INTO events SELECT mail FROM customers',
  );
  await app.query('ALTER TABLE customers ALTER id SET GENERATED BY DEFAULT');
  await through(RENAME, 'expand');
  const keyless = declared('changes:\n  - rename: { table: events, column: mail, to: email }', 8);
  await through(keyless, 'expand');
  await app.query('UPDATE events SET hits = 1; UPDATE customers SET id = 1000 WHERE id = 3');
  expect(await rows('SELECT count(*)::int AS empty FROM events WHERE email IS NULL')).toEqual([{ empty: 0 }]);
  expect(await rows('SELECT id::int FROM customers WHERE email IS NOT NULL')).toEqual([{ id: 1_000 }]);
  for (const source of [RENAME, keyless]) await through(source, 'backfill', 'verify', 'contract');
});

test('a key that may hold NULL is no key, also where its NOT NULL is not valid yet', async () => {
  await app.query(`CREATE TABLE customers (code int, mail text); CREATE UNIQUE INDEX ON customers (code);
    INSERT INTO customers VALUES (1, 'a'), (NULL, 'b'); ALTER TABLE customers ADD CONSTRAINT filled NOT NULL code NOT VALID`);
  await through(RENAME, 'expand');
  // PostgreSQL lets nobody change such a row before it has a value: that is said, and the row is not passed over.
  expect(await run(RENAME, 'backfill')).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('null value in column "code"'),
  });
  await app.query('UPDATE customers SET code = 2 WHERE code IS NULL');
  await through(RENAME, 'backfill', 'verify', 'contract');
  expect(await rows('SELECT email FROM customers ORDER BY email')).toEqual([{ email: 'a' }, { email: 'b' }]);
});

test('what was written past the trigger since it was ready keeps the old column until somebody has made it equal', async () => {
  await customers(3);
  await through(RENAME, 'expand', 'backfill', 'verify');
  await app.query(
    "SET session_replication_role = replica; UPDATE customers SET mail = 'changed' WHERE id = 1; SET session_replication_role = origin",
  );
  expect(await run(RENAME, 'contract')).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining(
      '1 rows of customers whose old and new columns differ: they were written past',
    ),
  });
  await app.query("UPDATE customers SET email = 'changed' WHERE id = 1");
  await through(RENAME, 'contract');
  expect(await rows('SELECT email FROM customers WHERE id = 1')).toEqual([{ email: 'changed' }]);
});

test('what the new release wrote stays as it is when somebody changes another column, and is no hindrance in the end', async () => {
  await app.query(`CREATE TABLE people (id int PRIMARY KEY, first text, last text, note text); INSERT INTO people VALUES (1, 'a', 'b');
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER touch BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touch()`);
  const merge = declared(
    `changes:\n  - merge: { table: people, columns: { first: "split_part(whole, ' ', 1)", last: "split_part(whole, ' ', 2)" }, into: whole, type: text, up: "concat_ws(' ', first, last)" }`,
  );
  await through(merge, 'expand', 'backfill', 'verify');
  await app.query("UPDATE people SET whole = NULL; UPDATE people SET note = 'x'");
  expect(await rows('SELECT whole FROM people')).toEqual([{ whole: null }]);
  await through(merge, 'contract');
});

test('a comparison of a table without a key that was begun in blocks is made of the whole', async () => {
  await app.query("CREATE TABLE events (mail text); INSERT INTO events VALUES ('a'), ('b')");
  const keyless = declared('changes:\n  - rename: { table: events, column: mail, to: email }');
  await through(keyless, 'expand', 'backfill');
  await app.query(
    "SET session_replication_role = replica; UPDATE events SET email = NULL WHERE mail = 'b'; SET session_replication_role = origin",
  );
  await app.query(`INSERT INTO holdfast.step (scope, version, phase, place, cursor, high)
    VALUES ('shop/production', 7, 'verify', 0, '["1"]', '["9"]')`);
  expect(await run(keyless, 'verify')).toMatchObject({ kind: 'differs' });
});

test('a session that finds nothing of the app by name alone writes all the same', async () => {
  await app.query(`CREATE TYPE state AS ENUM ('new', 'paid'); CREATE TABLE orders (id int PRIMARY KEY, st state DEFAULT 'new');
    INSERT INTO orders VALUES (1)`);
  const source = declared('changes:\n  - rename: { table: orders, column: st, to: status }');
  await through(source, 'expand', 'backfill', 'verify');
  await app.query(
    "SET search_path = pg_catalog; INSERT INTO public.orders (id, status) VALUES (2, 'paid'); UPDATE public.orders SET st = 'paid'; RESET search_path",
  );
  expect(await rows('SELECT DISTINCT st, status FROM orders')).toEqual([{ st: 'paid', status: 'paid' }]);
});

test('who may use the old column alone may use the new one', async () => {
  await customers(1);
  const [{ role = '' } = {}] = (await rows("SELECT 'reader_of_' || current_database() AS role")) as {
    role?: string;
  }[];
  await app.query(`CREATE ROLE "${role}"; GRANT SELECT (mail), UPDATE (mail) ON customers TO "${role}"`);
  await through(RENAME, 'expand', 'backfill', 'verify', 'contract');
  await app.query(`SET ROLE "${role}"; SELECT email FROM customers; RESET ROLE`);
  expect(await rows(`SELECT has_column_privilege('${role}', 'customers', 'email', 'UPDATE') AS may`)).toEqual(
    [{ may: true }],
  );
});

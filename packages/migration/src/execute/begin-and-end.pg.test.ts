import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readMigrations } from '../files/read-migrations.ts';
import { enter } from './ledger.ts';
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
  work,
} from './phase-bench.ts';

/** What does not begin at all, and what nobody begins any more. */
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());
beforeEach(() => openDatabase(server));

const TRIGGERS = "SELECT 1 FROM pg_trigger WHERE tgname LIKE 'zz_holdfast_%'";
const retype = (type: string, up: string) =>
  declared(
    `changes:\n  - retype: { table: customers, column: name, to: short, type: ${type}, up: "${up}", down: "short" }`,
  );

test.each([
  ['varchar(5)', 'name'],
  ['varchar(5)', 'upper(name)'],
  ['char(3)', 'name'],
])('a value that %s cannot hold is found before a trigger refuses it (%s)', async (type, up) => {
  await customers(3);
  expect(await run(retype(type, up), 'expand')).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('22001'),
  });
  expect(await rows(TRIGGERS)).toEqual([]);
  await app.query("UPDATE customers SET name = 'abc'");
  await through(retype(type, up), 'expand', 'backfill', 'verify');
});

test('a number that does not fit the smaller type is found, too, though the column is taken as it is', async () => {
  await app.query('CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 100000)');
  const source = declared(
    'changes:\n  - retype: { table: t, column: n, to: small, type: smallint, up: n, down: small }',
  );
  expect(await run(source, 'expand')).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('22003'),
  });
});

test('an index of that name on other columns is not taken for its own', async () => {
  await customers(3);
  await app.query('CREATE INDEX by_mail ON customers (name)');
  for (const text of [
    'CREATE INDEX CONCURRENTLY by_mail ON customers (mail);',
    'CREATE UNIQUE INDEX CONCURRENTLY by_mail ON customers (name);',
  ])
    expect(await run({ ...sql({ expand: text }), version: text.length }, 'expand')).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('customers has an index by_mail already'),
    });
});

test('a condition that could not be printed back changes no row', async () => {
  await app.query(
    'CREATE TABLE t (id int PRIMARY KEY, a bool, b bool); INSERT INTO t VALUES (1, true, true), (2, false, NULL)',
  );
  expect(await run(sql({ backfill: 'DELETE FROM t WHERE (a OR b) IS NULL' }), 'expand')).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('without changing what it means'),
  });
  expect(await rows('SELECT id FROM t')).toHaveLength(2);
});

test('who was asleep when it was aborted before it began does not begin it', async () => {
  await customers(1);
  const source = declared('changes:\n  - rename: { table: customers, column: mail, to: email }');
  const late = work(source, 'expand');
  expect(await run(source, 'abort')).toEqual({ kind: 'done' });
  const { name, digest } = source;
  const plan = { expand: [], backfill: [], verify: [], contract: [], abort: [] };
  await expect(enter(session, late, { name, digest, plan })).rejects.toThrow('another controller');
  await through(source, 'expand', 'backfill', 'verify');
});

test('files that were changed since can be aborted', async () => {
  await customers(1);
  await through(sql({ expand: 'CREATE TABLE one (id int);' }), 'expand');
  await through(sql({ expand: 'CREATE TABLE two (id int);' }), 'abort');
});

test('a file of another tool that a dotted name numbers anew does not run again', async () => {
  const files = (...names: readonly string[]) =>
    readMigrations(
      'm',
      names.map((name) => ({
        path: `m/${name}`,
        text: "CREATE TABLE IF NOT EXISTS plans (name text); INSERT INTO plans VALUES ('pro');",
      })),
    );
  for (const source of files('V2__seed.sql')) await through(source, 'expand');
  for (const source of files('20240315093000_stamped.sql')) await through(source, 'expand');
  const [renumbered] = files('V2__seed.sql', 'V2.1__more.sql');
  expect(await run(renumbered as never, 'expand')).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('was run as version 2'),
  });
  expect(await rows('SELECT name FROM plans')).toHaveLength(2);
});

test('what would not come along with a column is said before anything begins', async () => {
  const rename = (column: string) =>
    declared(`changes:\n  - rename: { table: places, column: ${column}, to: other }`);
  await app.query(`CREATE TABLE places (id int PRIMARY KEY, place int UNIQUE DEFERRABLE INITIALLY DEFERRED, code int NOT NULL, name text DEFAULT 'a b');
    CREATE UNIQUE INDEX by_code ON places (code); ALTER TABLE places REPLICA IDENTITY USING INDEX by_code;
    CREATE TABLE days (id int PRIMARY KEY, v int) PARTITION BY RANGE (id); CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM (1) TO (9);
    CREATE INDEX days_1_v ON days_1 (v)`);
  expect(
    await run(declared('changes:\n  - rename: { table: days, column: v, to: w }'), 'expand'),
  ).toMatchObject({ kind: 'failed', reason: expect.stringContaining('days_1_v') });
  for (const [column, why] of [
    ['place', 'places_place_key'],
    ['code', 'the replica identity by_code'],
  ] as const)
    expect(await run(rename(column), 'expand')).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining(why),
    });
  const split = declared(
    `changes:\n  - split: { table: places, column: name, into: { one: { type: text, up: "split_part(name, ' ', 1)", notNull: true }, two: { type: text, up: "split_part(name, ' ', 2)" } }, down: "one || ' ' || two" }`,
  );
  expect(await run(split, 'expand')).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('has the default'),
  });
});

test('a unique constraint that was aborted before it was one leaves no index', async () => {
  await customers(2);
  const unique = declared(
    'changes:\n  - addUnique: { table: customers, name: customers_by_name, columns: [name], when: expand }',
  );
  await app.query('BEGIN; LOCK TABLE customers IN ACCESS SHARE MODE');
  const outcome = await run(unique, 'expand', { budgetMs: 2_000 });
  await app.query('ROLLBACK');
  expect(outcome.kind).not.toBe('done');
  await through(unique, 'abort');
  expect(await rows("SELECT 1 FROM pg_class WHERE relname = 'customers_by_name'")).toEqual([]);
});

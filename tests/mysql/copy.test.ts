import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openMysql } from '@holdfast/migration/mysql/mysql-session.ts';
import { planOfMysql } from '@holdfast/migration/mysql/plan-of-mysql.ts';
import { Copies } from '@holdfast/migration/mysql/run-copy.ts';
import { withTableLock } from '@holdfast/migration/mysql/table-lock.ts';
import type mysql from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MariaDb, numbersTo } from './mariadb.ts';
import { changeOf, look, through, type Working } from './work.ts';
import { Writers } from './writers.ts';

/** Changes of a real MariaDB through pt-online-schema-change, while an app writes. */
let server: MariaDb;
let folder: string;
let databases = 0;
const closers: (() => Promise<unknown> | unknown)[] = [];
const ROWS = 120_000;

beforeAll(async () => {
  server = await MariaDb.start();
  folder = mkdtempSync(join(tmpdir(), 'holdfast-osc-'));
});
afterAll(async () => {
  for (const close of closers.reverse()) await close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Bench extends Working {
  readonly sql: mysql.Connection;
}

async function bench(files: Record<string, string>, rows = ROWS): Promise<Bench> {
  databases += 1;
  const place = await server.database(`app${databases}`);
  const sql = await server.connect(place.database);
  closers.push(() => sql.end());
  await sql.query(
    'CREATE TABLE orders (id bigint PRIMARY KEY, note varchar(60), amount int NOT NULL) DEFAULT CHARSET utf8mb4',
  );
  await sql.query(
    `INSERT INTO orders SELECT seq, IF(seq % 7 = 0, NULL, CONCAT('note ', seq)), seq % 1000 FROM ${numbersTo(rows)}`,
  );
  await sql.query('ANALYZE TABLE orders');
  const copies = new Copies();
  closers.push(() => copies.stop());
  return { place, sql, source: changeOf(files), copies, folder };
}

async function one<Value>(sql: mysql.Connection, text: string): Promise<Value> {
  const [rows] = await sql.query(text);
  return Object.values((rows as object[])[0] ?? {})[0] as Value;
}

/** Nothing of a tool is left beside the app's tables. */
async function leftovers(sql: mysql.Connection): Promise<readonly string[]> {
  const [rows] = await sql.query(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name NOT IN ('orders', 'blobs', 'holdfast_schema_change', 'holdfast_schema_step')
     UNION SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()`,
  );
  return (rows as { name: string }[]).map(({ name }) => name);
}

async function keptBy(sql: mysql.Connection, writers: Writers, above = ROWS): Promise<void> {
  const [rows] = await sql.query('SELECT id, note, amount FROM orders WHERE id > ?', [above]);
  const found = new Map((rows as { id: number; note: string; amount: number }[]).map((row) => [row.id, row]));
  expect(writers.failures).toEqual([]);
  expect(found.size).toBe(writers.known.size);
  for (const [id, { note, amount }] of writers.known) expect(found.get(id)).toMatchObject({ note, amount });
}

const WIDER = { 'expand.sql': 'ALTER TABLE orders MODIFY amount bigint NOT NULL;\n' };

test('what the server does by itself is done in place, once', async () => {
  const { sql, ...working } = await bench({
    'expand.sql':
      "ALTER TABLE orders ADD COLUMN state varchar(20) NOT NULL DEFAULT 'new; -- no comment';\nCREATE INDEX orders_amount ON orders (amount);\n",
  });
  expect(await through({ ...working }, 'expand')).toEqual({ kind: 'done' });
  expect(await through({ ...working }, 'expand')).toEqual({ kind: 'done' });
  expect(await one(sql, "SELECT COUNT(*) FROM orders WHERE state = 'new; -- no comment'")).toBe(ROWS);
  expect(
    await one(
      sql,
      "SELECT COUNT(*) FROM information_schema.statistics WHERE index_name = 'orders_amount' AND table_schema = DATABASE()",
    ),
  ).toBe(1);
});

test('a table is copied under writes, compared and exchanged without a failed statement', async () => {
  const { sql, ...working } = await bench(WIDER);
  const writers = new Writers(working.place, { writers: 4, from: ROWS + 1 });
  const outcome = await through(working, 'expand');
  await sleep(200);
  await writers.stop();
  expect(outcome).toEqual({ kind: 'done' });
  expect(
    await one(
      sql,
      "SELECT data_type FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'orders' AND column_name = 'amount'",
    ),
  ).toBe('bigint');
  await keptBy(sql, writers);
  expect(await leftovers(sql)).toEqual([]);
});

test('it rests for a signal, says why, and takes its place only when the gate is open', async () => {
  const { sql, ...working } = await bench(WIDER);
  await look(working, 'expand', { nice: 10 });
  const harm = { signals: [{ name: 'rolloutHarm', value: 1 }] as const };
  expect(await look(working, 'expand', harm)).toMatchObject({
    kind: 'waits',
    reason: 'the rollout is worse than the release before',
  });
  const gate = 'frozen until 2026-11-23T08:00:00Z: the audit';
  let outcome = await look(working, 'expand', { gate });
  for (let looks = 0; looks < 100 && outcome.kind === 'more'; looks += 1)
    outcome = await look(working, 'expand', { gate });
  expect(outcome).toMatchObject({ kind: 'waits', reason: expect.stringContaining('the audit') });
  expect(
    await one(sql, 'SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()'),
  ).toBe(3);
  expect(await through(working, 'expand')).toEqual({ kind: 'done' });
  expect(await leftovers(sql)).toEqual([]);
});

test('a copy that nobody asks for rests, and goes on when somebody does', async () => {
  // Slow enough that it would take a minute; it is asked for twice, and then no more.
  const { sql, ...working } = await bench(WIDER, 400_000);
  await look(working, 'expand', { nice: 20 });
  await look(working, 'expand', { nice: 20 });
  const step = () => one<string>(sql, "SELECT CONCAT(state, ' ', detail) FROM holdfast_schema_step");
  let [before, now] = ['', await step()];
  while (before !== now) {
    before = now;
    await sleep(4_000);
    now = await step();
  }
  expect(now).toMatch(/^copying .*"shadow":"_holdfast_new_/);
  expect(await through(working, 'expand', { nice: 0 })).toEqual({ kind: 'done' });
});

test.each([
  ['a type that holds less', 'MODIFY note varchar(6)', 'holds not all of varchar(60) [mysql-narrower]'],
  ['NULL that becomes text', "MODIFY note varchar(80) NOT NULL DEFAULT ''", 'may no longer be NULL'],
  ['a column that is renamed on the way', 'CHANGE COLUMN note remark text', 'CHANGE in orders belongs into'],
])('%s: nothing is exchanged', async (_what, change, said) => {
  const { sql, ...working } = await bench({ 'expand.sql': `ALTER TABLE orders ${change};\n` }, 30_000);
  const before = await one(
    sql,
    'SELECT GROUP_CONCAT(column_name, column_type ORDER BY ordinal_position) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = "orders"',
  );
  const outcome = await through(working, 'expand');
  expect(outcome).toMatchObject({ kind: 'failed', reason: expect.stringContaining(said) });
  expect(
    await one(
      sql,
      'SELECT GROUP_CONCAT(column_name, column_type ORDER BY ordinal_position) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = "orders"',
    ),
  ).toEqual(before);
  expect(await leftovers(sql)).toEqual([]);
});

/** As far as the gate, which is closed. */
async function toTheGate(working: Working): Promise<void> {
  const gate = 'frozen';
  for (let looks = 0; looks < 200; looks += 1)
    if ((await look(working, 'expand', { gate })).kind === 'waits') return;
  throw new Error('it never came to the gate');
}

test.each([
  ['the triggers are dropped and a row comes', 'DROP TRIGGER pt_osc_DB_orders_ins'],
  ['somebody adds a column', 'ALTER TABLE orders ADD COLUMN vip int NOT NULL DEFAULT 7'],
])('%s while it waits at the gate: nothing is lost', async (_what, meanwhile) => {
  const { sql, ...working } = await bench(WIDER, 30_000);
  await toTheGate(working);
  await sql.query(meanwhile.replace('DB', working.place.database));
  await sql.query("INSERT INTO orders (id, note, amount) VALUES (9000001, 'late', 1)");
  await through(working, 'expand');
  expect(await one(sql, 'SELECT COUNT(*) FROM orders')).toBe(30_001);
  if (meanwhile.includes('vip')) expect(await one(sql, 'SELECT MAX(vip) FROM orders')).toBe(7);
});

test('a copy that somebody drops while it waits at the gate is made again, and no trigger is left to fail the app', async () => {
  const { sql, ...working } = await bench(WIDER, 30_000);
  await toTheGate(working);
  const shadow = await one<string>(sql, "SELECT JSON_VALUE(detail, '$.shadow') FROM holdfast_schema_step");
  await sql.query(`DROP TABLE ${shadow}`);
  expect(await through(working, 'expand')).toEqual({ kind: 'done' });
  await sql.query("INSERT INTO orders (id, note, amount) VALUES (9000001, 'late', 1)");
  expect(
    await one(
      sql,
      "SELECT data_type FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'orders' AND column_name = 'amount'",
    ),
  ).toBe('bigint');
  expect(await leftovers(sql)).toEqual([]);
});

test('a table emptied while it waits at the gate stays empty', async () => {
  const { sql, ...working } = await bench(WIDER, 30_000);
  await toTheGate(working);
  await sql.query('TRUNCATE orders');
  expect(await through(working, 'expand')).toMatchObject({ kind: 'failed' });
  expect(await one(sql, 'SELECT COUNT(*) FROM orders')).toBe(0);
  expect(await leftovers(sql)).toEqual([]);
});

test('values that change where the author accepts a narrower type are found before the exchange', async () => {
  const { sql, ...working } = await bench(
    {
      'expand.sql':
        '-- holdfast-accept mysql-narrower: none is longer\nALTER TABLE orders MODIFY note varchar(8);\n',
    },
    30_000,
  );
  const outcome = await through(working, 'expand');
  expect(outcome.kind).toBe('failed');
  expect(await one(sql, "SELECT COUNT(*) FROM orders WHERE note = 'note 29999'")).toBe(1);
  expect(await leftovers(sql)).toEqual([]);
});

test('a statement that failed is not taken for done because somebody else changed the table', async () => {
  const { sql, ...working } = await bench(
    { 'contract.sql': 'CREATE UNIQUE INDEX orders_amount ON orders (amount);\n' },
    30_000,
  );
  expect((await through(working, 'contract')).kind).toBe('failed');
  await sql.query('ALTER TABLE orders ADD COLUMN other int');
  expect((await through(working, 'contract')).kind).toBe('failed');
  await sql.query('UPDATE orders SET amount = id');
  expect(await through(working, 'contract')).toEqual({ kind: 'done' });
});

test('a small table is not rounded without a word', async () => {
  const { sql, ...working } = await bench(
    { 'contract.sql': 'ALTER TABLE prices MODIFY p decimal(10, 0);\n' },
    10,
  );
  await sql.query('CREATE TABLE prices (id int PRIMARY KEY, p decimal(10, 2))');
  await sql.query('INSERT INTO prices VALUES (1, 7.55)');
  expect((await through(working, 'contract')).kind).toBe('failed');
  expect(await one(sql, 'SELECT CAST(p AS char) FROM prices')).toBe('7.55');
});

test('while it rests no row is copied', async () => {
  const { sql, ...working } = await bench(WIDER, 400_000);
  await look(working, 'expand', { nice: 4 });
  const shadow = await copyingBy(sql, '').then(() =>
    one<string>(sql, "SELECT JSON_VALUE(detail, '$.shadow') FROM holdfast_schema_step"),
  );
  const harm = { signals: [{ name: 'rolloutHarm', value: 1 }] as const };
  await look(working, 'expand', harm);
  await look(working, 'expand', harm);
  const before = await one(sql, `SELECT COUNT(*) FROM ${shadow}`);
  await look(working, 'expand', harm);
  await look(working, 'expand', harm);
  expect(await one(sql, `SELECT COUNT(*) FROM ${shadow}`)).toBe(before);
  expect(await through(working, 'abort')).toEqual({ kind: 'done' });
});

test('a transaction that stays open holds up what needs the table for itself, and its age is told', async () => {
  const { sql, place } = await bench(WIDER, 10);
  await sql.query('START TRANSACTION');
  await sql.query('SELECT * FROM orders');
  await sleep(2_100);
  const session = await openMysql(place);
  closers.push(() => session.close());
  const text = 'ALTER TABLE orders ADD COLUMN more int';
  await expect(withTableLock(session, text)).rejects.toThrow(
    /^thread \d+ has had a transaction open for [2-9] s$/,
  );
  await sql.query('COMMIT');
  // InnoDB shows what it saw a tenth of a second ago.
  await sleep(500);
  await withTableLock(session, text);
});

test('a controller that was asleep cannot begin again what was aborted', async () => {
  const { sql, ...working } = await bench(
    { 'expand.sql': 'ALTER TABLE orders ADD COLUMN state int;\n' },
    100,
  );
  expect(await through(working, 'expand', { fence: 2 })).toEqual({ kind: 'done' });
  expect(await through(working, 'abort', { fence: 3 })).toEqual({ kind: 'done' });
  expect(await look(working, 'expand', { fence: 1 })).toMatchObject({ kind: 'waits' });
  expect(await one(sql, 'SELECT fence FROM holdfast_schema_change')).toBe(3);
});

test('a controller that was asleep right before a copy finds the lock free, and copies nothing', async () => {
  const { sql, ...working } = await bench(WIDER, 5_000);
  const { place, source, folder: work } = working;
  const [statement] = planOfMysql(source).expand;
  if (!statement) throw new Error('no statement');
  const key = {
    scope: 'shop/production',
    version: source.version,
    fence: 1,
    phase: 'expand',
    place: 0,
  } as const;
  const asleep = { place, key, statement, work, batchMs: 50, nice: 0, detail: {} };
  expect(await through(working, 'expand', { fence: 1 })).toEqual({ kind: 'done' });
  expect(await working.copies.begin(asleep)).toBe(false);
  expect(await through(working, 'abort', { fence: 2 })).toEqual({ kind: 'done' });
  expect(await working.copies.begin(asleep)).toBe(false);
  expect(await working.copies.begin({ ...asleep, key: { ...key, fence: 2 } })).toBe(false);
  expect(await leftovers(sql)).toEqual([]);
});

test('a copy by a key of bytes is compared to its end', async () => {
  const { sql, ...working } = await bench(
    { 'expand.sql': 'ALTER TABLE blobs MODIFY n bigint NOT NULL;\n' },
    10,
  );
  await sql.query('CREATE TABLE blobs (id binary(16) PRIMARY KEY, n int NOT NULL)');
  await sql.query(
    `INSERT INTO blobs SELECT UNHEX(SUBSTRING(SHA2(seq, 256), 1, 32)), seq FROM ${numbersTo(50_000)}`,
  );
  expect(await through(working, 'expand')).toEqual({ kind: 'done' });
  expect(await one(sql, 'SELECT COUNT(*) FROM blobs')).toBe(50_000);
});

test('a stopped controller leaves the copy to the next one', async () => {
  const { sql, ...working } = await bench(WIDER, 200_000);
  await look(working, 'expand', { nice: 4 });
  await copyingBy(sql, '');
  await working.copies.stop();
  expect(await through({ ...working, copies: new Copies() }, 'expand')).toEqual({ kind: 'done' });
  expect(await leftovers(sql)).toEqual([]);
});

test('an abort in the middle of a copy takes it back', async () => {
  const { sql, ...working } = await bench(WIDER);
  await look(working, 'expand', { budgetMs: 100, nice: 10 });
  await look(working, 'expand', { signals: [{ name: 'rolloutHarm', value: 1 }] });
  expect(await through(working, 'abort')).toEqual({ kind: 'done' });
  await sleep(1_500);
  expect(await leftovers(sql)).toEqual([]);
  expect(await one(sql, 'SELECT COUNT(*) FROM holdfast_schema_step')).toBe(0);
  expect(await through(working, 'expand')).toEqual({ kind: 'done' });
});

test('a controller killed in the middle of a copy is followed by another, and no write is lost', async () => {
  const { sql, ...working } = await bench(WIDER, 400_000);
  const writers = new Writers(working.place, { writers: 2, from: 400_001 });
  const first = startWorker(working, 1);
  const ids = await copyingBy(sql, '');
  first.kill('SIGKILL');
  const second = startWorker(working, 2);
  await copyingBy(sql, ids);
  second.kill('SIGSTOP');
  const outcome = await through({ ...working, copies: new Copies() }, 'expand', {
    fence: 3,
    budgetMs: 1_000,
  });
  // Awake again it finds that nothing is its own any more.
  second.kill('SIGCONT');
  await sleep(3_000);
  second.kill('SIGKILL');
  await writers.stop();
  expect(outcome).toEqual({ kind: 'done' });
  await keptBy(sql, writers, 400_000);
  expect(await leftovers(sql)).toEqual([]);
});

function startWorker({ place, source }: Working, fence: number): ChildProcess {
  const files = Object.fromEntries(source.files.map(({ path, text }) => [path.split('/').at(-1), text]));
  const program = fileURLToPath(new URL('./worker.ts', import.meta.url));
  const child = fork(program, [JSON.stringify({ place, files, folder, fence })], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  closers.push(() => child.kill('SIGKILL'));
  return child;
}

/** The token of a copy that goes on, another one than that. */
async function copyingBy(sql: mysql.Connection, others: string): Promise<string> {
  for (let tried = 0; tried < 600; tried += 1) {
    const [rows] = await sql
      .query("SELECT detail FROM holdfast_schema_step WHERE state = 'copying' AND detail LIKE '%total%'")
      .catch(() => [[]]);
    const detail = (rows as { detail: string }[])[0]?.detail;
    const ids = detail ? (JSON.parse(detail) as { token: string }).token : '';
    if (ids !== '' && ids !== others) return ids;
    await sleep(50);
  }
  throw new Error('no copy began');
}

test('an account that must use TLS is served by us and by the tool, and a server that nobody vouches for is refused', async () => {
  const work = await bench({ 'expand.sql': 'ALTER TABLE orders MODIFY amount bigint NOT NULL;' });
  await work.sql.query(`ALTER USER ${work.place.user}@'%' REQUIRE SSL`);
  const trusted = { mode: 'verify-identity', ca: server.authority } as const;
  for (const tls of [null, { ...trusted, ca: null }])
    await expect(openMysql({ ...work.place, tls })).rejects.toThrow('cannot be reached');
  for (const tls of [{ mode: 'required', ca: null } as const, trusted])
    await (await openMysql({ ...work.place, tls })).close();
  expect(await through({ ...work, place: { ...work.place, tls: trusted } }, 'expand')).toMatchObject({
    kind: 'done',
  });
  expect(
    await one(
      work.sql,
      "SELECT data_type FROM information_schema.columns WHERE table_schema = DATABASE() AND column_name = 'amount'",
    ),
  ).toBe('bigint');
});

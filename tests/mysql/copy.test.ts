import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Copies } from '@holdfast/migration/mysql/run-copy.ts';
import type mysql from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MariaDb } from './mariadb.ts';
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
    `INSERT INTO orders SELECT seq, IF(seq % 7 = 0, NULL, CONCAT('note ', seq)), seq % 1000 FROM seq_1_to_${rows}`,
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
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name NOT IN ('orders', 'holdfast_schema_change', 'holdfast_schema_step')
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
  const { sql, ...working } = await bench(WIDER);
  await look(working, 'expand', { nice: 20 });
  await look(working, 'expand', { nice: 20 });
  await sleep(8_500);
  const rows = () => one<string>(sql, 'SELECT detail FROM holdfast_schema_step');
  const rested = await rows();
  await sleep(2_500);
  expect(await rows()).toBe(rested);
  expect(JSON.parse(rested)).toMatchObject({ shadow: '_orders_new' });
  expect(await through(working, 'expand', { nice: 20 })).toEqual({ kind: 'done' });
});

test.each([
  ['values that are cut off', 'MODIFY note varchar(6)', 'would lose rows or values'],
  ['NULL that becomes text', "MODIFY note text NOT NULL DEFAULT ''", ''],
  ['a column that is renamed on the way', 'CHANGE COLUMN note remark text', 'CHANGE in orders belongs into'],
])('%s: nothing is exchanged', async (_what, change, said) => {
  const { sql, ...working } = await bench({ 'expand.sql': `ALTER TABLE orders ${change};\n` }, 30_000);
  const before = await one(
    sql,
    'SELECT GROUP_CONCAT(column_name, column_type) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = "orders"',
  );
  const outcome = await through(working, 'expand');
  expect(outcome).toMatchObject({ kind: 'failed', reason: expect.stringContaining(said) });
  expect(
    await one(
      sql,
      'SELECT GROUP_CONCAT(column_name, column_type) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = "orders"',
    ),
  ).toEqual(before);
  expect(await leftovers(sql)).toEqual([]);
});

test('an abort in the middle of a copy takes it back', async () => {
  const { sql, ...working } = await bench(WIDER);
  await look(working, 'expand', { budgetMs: 100, nice: 10 });
  await look(working, 'expand', { signals: [{ name: 'rolloutHarm', value: 1 }] });
  expect(await through(working, 'abort')).toEqual({ kind: 'done' });
  await sleep(1_500);
  expect(await leftovers(sql)).toEqual([]);
  expect(await one(sql, 'SELECT COUNT(*) FROM holdfast_schema_change')).toBe(0);
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

/** The connections of a copy that goes on, other ones than those. */
async function copyingBy(sql: mysql.Connection, others: string): Promise<string> {
  for (let tried = 0; tried < 600; tried += 1) {
    const [rows] = await sql
      .query("SELECT detail FROM holdfast_schema_step WHERE state = 'copying' AND detail LIKE '%shadow%'")
      .catch(() => [[]]);
    const detail = (rows as { detail: string }[])[0]?.detail;
    const ids = detail ? (JSON.parse(detail) as { connections: number[] }).connections.join(',') : '';
    if (ids !== '' && ids !== others) return ids;
    await sleep(50);
  }
  throw new Error('no copy began');
}

import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
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
import { openSession } from './session.ts';
import { workOnPhase } from './work-on-phase.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());
beforeEach(() => openDatabase(server));

const RENAME = declared('changes:\n  - rename: { table: customers, column: mail, to: email }');

describe('a rename', () => {
  test('lets the old and the new release write at every moment, and keeps what stood on the column', async () => {
    await customers(3_000);
    await through(RENAME, 'expand');
    await app.query("INSERT INTO customers (mail) VALUES ('old')");
    await app.query("INSERT INTO customers (email) VALUES ('new')");
    await app.query("UPDATE customers SET mail = 'm1-by-old' WHERE id = 1");
    await app.query("UPDATE customers SET email = 'm2-by-new' WHERE id = 2");
    await through(RENAME, 'backfill', 'verify');
    expect(
      await rows('SELECT count(*)::int AS differ FROM customers WHERE mail IS DISTINCT FROM email'),
    ).toEqual([{ differ: 0 }]);
    expect(
      await rows("SELECT mail FROM customers WHERE id IN (1, 2) OR mail IN ('old', 'new') ORDER BY id"),
    ).toEqual([{ mail: 'm1-by-old' }, { mail: 'm2-by-new' }, { mail: 'old' }, { mail: 'new' }]);
    await expect(app.query("INSERT INTO customers (email) VALUES ('new')")).rejects.toThrow('customers_mail');
    await through(RENAME, 'contract');
    expect(
      await rows(
        "SELECT attname, attnotnull FROM pg_attribute WHERE attrelid = 'customers'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
      ),
    ).toEqual([
      { attname: 'id', attnotnull: true },
      { attname: 'name', attnotnull: false },
      { attname: 'email', attnotnull: true },
    ]);
    await expect(app.query("INSERT INTO customers (email) VALUES ('new')")).rejects.toThrow(
      'customers_mail_email',
    );
    await expect(app.query("INSERT INTO customers (email) VALUES ('')")).rejects.toThrow('check constraint');
    expect(await rows("SELECT proname FROM pg_proc WHERE pronamespace = 'holdfast'::regnamespace")).toEqual(
      [],
    );
  });

  test('is taken back by abort, and can begin anew', async () => {
    await customers(10);
    await through(RENAME, 'expand', 'backfill', 'verify', 'abort');
    expect(
      await rows(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'customers'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
      ),
    ).toEqual([{ attname: 'id' }, { attname: 'mail' }, { attname: 'name' }]);
    await through(RENAME, 'expand', 'backfill', 'verify', 'contract');
  });

  test('decides an insert that gives both by the schema version of the session', async () => {
    await customers(1);
    await app.query("ALTER TABLE customers ALTER COLUMN mail SET DEFAULT 'nobody'");
    await through(RENAME, 'expand');
    await app.query("INSERT INTO customers (mail, email) VALUES ('a', 'b')");
    await app.query(
      "SET holdfast.schema_version = '6'; INSERT INTO customers (mail, email) VALUES ('c', 'd'); SET holdfast.schema_version = '7'; INSERT INTO customers (mail, email) VALUES ('e', 'f')",
    );
    expect(await rows('SELECT mail, email FROM customers WHERE id > 1 ORDER BY id')).toEqual([
      { mail: 'b', email: 'b' },
      { mail: 'c', email: 'c' },
      { mail: 'f', email: 'f' },
    ]);
  });

  test('with views needs no second column', async () => {
    await customers(10);
    const views = declared(
      'changes:\n  - rename: { table: customers, column: mail, to: email, views: app_7 }',
    );
    await through(views, 'expand', 'backfill', 'verify');
    await app.query(
      "INSERT INTO app_7.customers (email) VALUES ('new'); INSERT INTO customers (mail) VALUES ('old')",
    );
    expect(
      await rows("SELECT email FROM app_7.customers WHERE email IN ('new', 'old') ORDER BY email"),
    ).toEqual([{ email: 'new' }, { email: 'old' }]);
    await through(views, 'contract');
    expect(
      await rows("SELECT c.email FROM customers c JOIN app_7.customers v USING (id) WHERE v.email = 'new'"),
    ).toEqual([{ email: 'new' }]);
  });
});

test('a split and a merge hold in both directions', async () => {
  await customers(2_000);
  const split = declared(`changes:
  - split:
      table: customers
      column: name
      into:
        first_name: { type: text, up: "split_part(name, ' ', 1)" }
        last_name: { type: text, up: "split_part(name, ' ', 2)" }
      down: "first_name || ' ' || last_name"`);
  await through(split, 'expand');
  await app.query(
    "UPDATE customers SET name = 'Ada Lovelace' WHERE id = 1; UPDATE customers SET first_name = 'Alan', last_name = 'Turing' WHERE id = 2",
  );
  await through(split, 'backfill', 'verify');
  expect(await rows('SELECT name, first_name, last_name FROM customers WHERE id <= 3 ORDER BY id')).toEqual([
    { name: 'Ada Lovelace', first_name: 'Ada', last_name: 'Lovelace' },
    { name: 'Alan Turing', first_name: 'Alan', last_name: 'Turing' },
    { name: 'First3 Last3', first_name: 'First3', last_name: 'Last3' },
  ]);
  await through(split, 'contract');
  const merge = declared(
    `changes:
  - merge:
      table: customers
      columns: { first_name: "split_part(name, ' ', 1)", last_name: "split_part(name, ' ', 2)" }
      into: name
      type: text
      up: "first_name || ' ' || last_name"`,
    8,
  );
  await through(merge, 'expand', 'backfill', 'verify');
  await app.query(
    "UPDATE customers SET name = 'Grace Hopper' WHERE id = 3; UPDATE customers SET last_name = 'Murray' WHERE id = 3",
  );
  expect(await rows('SELECT name FROM customers WHERE id = 3')).toEqual([{ name: 'Grace Murray' }]);
  await through(merge, 'contract');
});

test('another type, a new required column, NOT NULL, a foreign key, an index', async () => {
  await customers(500);
  await app.query(
    'CREATE TABLE orders (id integer PRIMARY KEY, customer_id bigint, total numeric(10,2)); INSERT INTO orders SELECT n, n, n / 7.0 FROM generate_series(1, 500) n',
  );
  const source = declared(`changes:
  - retype: { table: orders, column: total, to: cents, type: bigint, up: "round(total * 100)", down: "cents / 100.0" }
  - addColumn: { table: orders, column: token, type: uuid, default: gen_random_uuid(), notNull: true }
  - setNotNull: { table: customers, column: name, value: "''" }
  - addForeignKey: { table: orders, name: orders_customer, columns: [customer_id], references: { table: customers, columns: [id] } }
  - addIndex: { table: orders, columns: [customer_id], name: orders_by_customer }
  - addUnique: { table: orders, name: orders_token, columns: [token] }
  - addCheck: { table: orders, name: positive, check: "cents >= 0" }`);
  await through(source, 'expand');
  await app.query(
    'INSERT INTO orders (id, customer_id, total) VALUES (501, 1, 12.34); INSERT INTO orders (id, customer_id, cents) VALUES (502, 1, 995); INSERT INTO customers (mail) VALUES (1)',
  );
  await through(source, 'backfill', 'verify');
  expect(await rows('SELECT total::text, cents FROM orders WHERE id IN (501, 502) ORDER BY id')).toEqual([
    { total: '12.34', cents: 1234 },
    { total: '9.95', cents: 995 },
  ]);
  await through(source, 'contract');
  expect(await rows('SELECT count(DISTINCT token)::int AS tokens, count(*)::int AS all FROM orders')).toEqual(
    [{ tokens: 502, all: 502 }],
  );
  expect(
    await rows(
      "SELECT conname FROM pg_constraint WHERE conrelid = 'orders'::regclass AND contype IN ('f', 'c', 'u') AND convalidated ORDER BY 1",
    ),
  ).toEqual([{ conname: 'orders_customer' }, { conname: 'orders_token' }, { conname: 'positive' }]);
});

test('files of SQL: the backfill is cut by a composite key, and by blocks where there is none', async () => {
  await app.query(
    'CREATE TABLE a (x int, y text, v int, w int, PRIMARY KEY (x, y)); INSERT INTO a SELECT n % 10, n::text, n FROM generate_series(1, 5000) n; CREATE TABLE b (v int, w int); INSERT INTO b SELECT n FROM generate_series(1, 5000) n',
  );
  const source = sql({
    expand: 'CREATE INDEX CONCURRENTLY a_v ON a (v); CREATE TABLE c (id bigint PRIMARY KEY);',
    backfill:
      'UPDATE a SET w = v + 1 WHERE w IS NULL; UPDATE b AS t SET w = s.v * 2 FROM a s WHERE s.v = t.v AND t.w IS NULL; DELETE FROM b WHERE v > 4990;',
    contract: 'DROP INDEX CONCURRENTLY a_v; ALTER TABLE a DROP COLUMN v;',
  });
  await through(source, 'expand', 'backfill', 'verify');
  expect(
    await rows(
      'SELECT (SELECT count(*)::int FROM a WHERE w = v + 1) AS a, (SELECT count(*)::int FROM b WHERE w = v * 2) AS b',
    ),
  ).toEqual([{ a: 5_000, b: 4_990 }]);
  await through(source, 'contract');
});

describe('no row and no value is lost', () => {
  test('by keys of a fixed length, by types without an equality, and by what only looks equal', async () => {
    await app.query(
      `CREATE TABLE pages (id char(8) PRIMARY KEY, body json, price numeric);
       INSERT INTO pages SELECT 'cus_' || n, json_build_object('n', n), n FROM generate_series(1000, 3999) n`,
    );
    const source = declared(`changes:
  - retype: { table: pages, column: body, to: content, type: jsonb, up: "body::jsonb", down: "content::json" }
  - rename: { table: pages, column: price, to: cost }`);
    await through(source, 'expand');
    await app.query(
      `UPDATE pages SET body = '{"n": 0}' WHERE id = 'cus_1000'; UPDATE pages SET price = 1001.00 WHERE id = 'cus_1001'`,
    );
    await through(source, 'backfill', 'verify');
    expect(
      await rows('SELECT count(content)::int AS contents, count(cost)::int AS costs FROM pages'),
    ).toEqual([{ contents: 3_000, costs: 3_000 }]);
    expect(await rows("SELECT cost::text FROM pages WHERE id = 'cus_1001'")).toEqual([{ cost: '1001.00' }]);
  });

  test('when a row moves to another partition', async () => {
    await app.query(
      `CREATE TABLE people (id bigint, region text, name text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
       CREATE TABLE people_eu PARTITION OF people FOR VALUES IN ('eu'); CREATE TABLE people_us PARTITION OF people FOR VALUES IN ('us');
       INSERT INTO people VALUES (1, 'eu', 'Anna Maria van Berg')`,
    );
    const source = declared(`changes:
  - split:
      table: people
      column: name
      into: { first: { type: text, up: "split_part(name, ' ', 1)" }, last: { type: text, up: "split_part(name, ' ', 2)" } }
      down: "first || ' ' || last"`);
    await through(source, 'expand', 'backfill', 'verify');
    await app.query("UPDATE people SET region = 'us' WHERE id = 1");
    expect(await rows('SELECT name, first FROM people')).toEqual([
      { name: 'Anna Maria van Berg', first: 'Anna' },
    ]);
  });

  test('when a default, a unique constraint or a NULL that somebody meant is on the column', async () => {
    await app.query(
      "CREATE TABLE tasks (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state text NOT NULL DEFAULT 'new', code int CONSTRAINT one_code UNIQUE)",
    );
    const source = declared(`changes:
  - rename: { table: tasks, column: state, to: status }
  - rename: { table: tasks, column: code, to: number }
  - addColumn: { table: tasks, column: plan, type: text, default: "'free'" }`);
    await through(source, 'expand', 'backfill', 'verify');
    await app.query('INSERT INTO tasks DEFAULT VALUES; UPDATE tasks SET plan = NULL');
    await through(source, 'contract');
    await app.query(
      'INSERT INTO tasks (number) VALUES (1) ON CONFLICT ON CONSTRAINT one_code_number DO NOTHING',
    );
    expect(await rows('SELECT status, plan FROM tasks ORDER BY id')).toEqual([
      { status: 'new', plan: null },
      { status: 'new', plan: 'free' },
    ]);
  });

  test('by an abort: what was there before the change stays', async () => {
    await customers(10);
    await app.query("ALTER TABLE customers ADD COLUMN email text DEFAULT 'mine'");
    expect(await run(RENAME, 'expand')).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('customers has a column email already'),
    });
    await through(RENAME, 'abort');
    expect(await rows('SELECT count(email)::int AS emails FROM customers')).toEqual([{ emails: 10 }]);
  });

  test('by two changes of one column at once, a query in an expression, or a view on the old column', async () => {
    await customers(10);
    await through(RENAME, 'expand');
    const refused = async (text: string, why: string) =>
      expect(await run(declared(text, 8), 'expand')).toMatchObject({
        kind: 'failed',
        reason: expect.stringContaining(why),
      });
    await refused(
      'changes:\n  - rename: { table: customers, column: email, to: address }',
      'is kept equal to another column',
    );
    await refused(
      'changes:\n  - addColumn: { table: customers, column: n, type: int, value: "(SELECT 1)" }',
      'found a query',
    );
    await app.query('CREATE VIEW names AS SELECT name FROM customers');
    await refused('changes:\n  - dropColumn: { table: customers, column: name }', 'is read by names');
  });
});

describe('what comes in between', () => {
  test('a session that holds the table: it waits, says whose it is, and goes on', async () => {
    await customers(10);
    await app.query(
      "SET application_name = 'report'; BEGIN; SELECT * FROM customers LIMIT 1; SELECT pg_sleep(1.1)",
    );
    expect(await run(RENAME, 'expand')).toMatchObject({
      kind: 'waits',
      reason: expect.stringMatching(
        /^report \(pid \d+, idle in transaction\) has customers in a transaction that is open for/,
      ),
    });
    await app.query('COMMIT');
    await through(RENAME, 'expand');
  });

  test('its connection is cut in the middle of the backfill: whoever comes next goes on, each row once', async () => {
    await customers(20_000);
    await through(RENAME, 'expand');
    for (let cut = 0; cut < 5; cut += 1) {
      const cutting = await openSession([url], 'to be cut');
      const working = workOnPhase(cutting, work(RENAME, 'backfill', { batchMs: 1 }));
      await app.query(
        "SELECT pg_sleep(0.05); SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'to be cut'",
      );
      expect(['waits', 'done']).toContain((await working).kind);
      await cutting.close();
    }
    await through(RENAME, 'backfill', 'verify');
    expect(await rows("SELECT rows::int FROM holdfast.step WHERE phase = 'backfill'")).toEqual([
      { rows: 20_000 },
    ]);
  });

  test('a slower controller with a lower fence changes nothing', async () => {
    await customers(5_000);
    await through(RENAME, 'expand');
    const late = work(RENAME, 'backfill', { batchMs: 1 });
    await run(RENAME, 'backfill', { budgetMs: 1, batchMs: 1 });
    expect(await workOnPhase(session, late)).toEqual({
      kind: 'waits',
      reason: 'another controller works on this migration',
      signal: null,
      progress: null,
    });
  });

  test('any signal holds it, and it goes on well below the limit', async () => {
    await customers(100);
    await through(RENAME, 'expand');
    const lag = (value: number) => ({ signals: [{ name: 'replicaLagMs' as const, value }] });
    expect(await run(RENAME, 'backfill', lag(9_000))).toMatchObject({
      kind: 'waits',
      reason: 'a replica is 9s behind, the limit is 1.5s',
    });
    expect(await run(RENAME, 'backfill', { userQuery: 'SELECT 2' })).toMatchObject({
      kind: 'waits',
      reason: "the environment's own throttle query says 2",
    });
    const watermark = { limits: { databaseBytes: 1_000_000 } };
    expect(await run(RENAME, 'backfill', watermark)).toMatchObject({
      kind: 'waits',
      reason: expect.stringMatching(/^the database has [\d.]+ MiB, its watermark is/),
    });
    expect(await run(RENAME, 'backfill', { ...lag(1_400), held: 'replicaLagMs' })).toMatchObject({
      kind: 'waits',
    });
    expect(await run(RENAME, 'backfill', { ...lag(100), held: 'replicaLagMs' })).toEqual({ kind: 'done' });
  });

  test('rows that somebody wrote past the trigger are found, and filled by the next backfill', async () => {
    await customers(100);
    await through(RENAME, 'expand', 'backfill');
    await app.query(
      "SET session_replication_role = replica; UPDATE customers SET mail = 'past ' || id WHERE id <= 3; RESET session_replication_role",
    );
    expect(await run(RENAME, 'verify')).toEqual({
      kind: 'differs',
      reason: '3 rows of customers whose old and new columns differ',
    });
    await through(RENAME, 'backfill', 'verify');
  });

  test('of files of SQL, too: what the old release wrote behind the backfill is found, and what still fits is meant', async () => {
    await customers(100);
    await app.query(
      'CREATE SCHEMA own; CREATE TABLE own.t (id int PRIMARY KEY, v int); INSERT INTO own.t VALUES (1, NULL)',
    );
    const source = sql({
      expand: 'ALTER TABLE customers ADD COLUMN email text;',
      backfill: `UPDATE customers AS c SET email = c.mail WHERE c.email IS NULL;
        UPDATE customers SET email = lower(email) WHERE id < 50;
        UPDATE own.t SET v = 1 WHERE v IS NULL;`,
    });
    await through(source, 'expand', 'backfill');
    await app.query("INSERT INTO customers (mail) VALUES ('late@example.com')");
    expect(await run(source, 'verify')).toMatchObject({
      kind: 'differs',
      reason: expect.stringMatching(
        /^1 rows of customers still fit .*backfill.sql:1: a release writes them in the old shape$/,
      ),
    });
    await through(source, 'backfill', 'verify');
    expect(await rows('SELECT count(*)::int AS wrong FROM customers WHERE email IS NULL')).toEqual([
      { wrong: 0 },
    ]);
  });

  test('a controller that is stopped between two statements keeps its locks for a second at most', async () => {
    await customers(10);
    await expect(
      session.transaction({ lockMs: 300, statementMs: 5_000 }, async (sql) => {
        await sql.query('LOCK TABLE customers');
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        await sql.query('SELECT 1');
      }),
    ).rejects.toThrow();
    expect(await rows('SELECT count(*)::int AS customers FROM customers')).toEqual([{ customers: 10 }]);
  });

  test('a database that has lost what was done is not worked on as if it had not', async () => {
    await customers(10);
    await through(RENAME, 'expand');
    // As on a standby that was behind when it took over.
    await app.query("DELETE FROM holdfast.step WHERE phase = 'expand'");
    expect(await run(RENAME, 'backfill')).toEqual({
      kind: 'failed',
      reason: expect.stringMatching(
        /^the database has lost what was done of the expand phase: .* abort it and let it begin again$/,
      ),
    });
    await through(RENAME, 'abort', 'expand', 'backfill', 'verify');
    expect(await rows('SELECT count(*)::int AS filled FROM customers WHERE email IS NOT NULL')).toEqual([
      { filled: 10 },
    ]);
  });

  test('a slower controller cannot begin again what was aborted', async () => {
    await customers(10);
    const late = work(RENAME, 'expand');
    await through(RENAME, 'expand', 'abort');
    expect(await workOnPhase(session, late)).toMatchObject({
      kind: 'waits',
      reason: 'another controller works on this migration',
    });
    expect(
      await rows("SELECT 1 FROM pg_attribute WHERE attrelid = 'customers'::regclass AND attname = 'email'"),
    ).toEqual([]);
  });

  test('files that changed after it was begun are refused', async () => {
    await customers(10);
    await through(RENAME, 'expand');
    const other = declared('changes:\n  - rename: { table: customers, column: mail, to: address }');
    expect(await run(other, 'backfill')).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('was changed after it was begun'),
    });
  });
});

import { DEFAULT_LIMITS } from '@holdfast/core/migration/throttle.ts';
import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readMigrations } from '../files/read-migrations.ts';
import { openSession } from './session.ts';
import { workOnPhase } from './work-on-phase.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const TRIGGERS = "SELECT 1 FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND NOT tgisinternal";

test('an expression that cannot take some row fails the change before any trigger stands in the way of the app', async () => {
  const { url } = await server.database();
  const session = await openSession([url], 'rehearsal');
  const app = new pg.Client({ connectionString: url });
  await app.connect();
  try {
    await app.query(
      "CREATE TABLE orders (id bigint PRIMARY KEY, code text); INSERT INTO orders SELECT n, n::text FROM generate_series(1, 50000) n; UPDATE orders SET code = 'twelve' WHERE id = 49000",
    );
    const [source] = readMigrations('m', [
      {
        path: 'm/1_code/migration.yaml',
        text: 'changes:\n  - retype: { table: orders, column: code, to: number, type: integer, up: "code::integer", down: "number::text" }\n',
      },
    ]);
    if (!source) throw new Error('no change');
    let fence = 0;
    const expand = () =>
      workOnPhase(session, {
        scope: 'shop/production',
        version: source.version,
        fence: ++fence,
        source,
        phase: 'expand',
        budgetMs: 60_000,
        limits: DEFAULT_LIMITS,
        signals: [],
        userQuery: null,
        held: null,
        nice: 0,
        batchMs: 100,
      });
    expect(await expand()).toEqual({
      kind: 'failed',
      reason: 'a value of some row does not fit the expression or the type (22P02)',
    });
    expect((await app.query(TRIGGERS)).rows).toEqual([]);
    await app.query("UPDATE orders SET code = '12' WHERE id = 49000");
    expect(await expand()).toEqual({ kind: 'done' });
    expect((await app.query(TRIGGERS)).rows).toHaveLength(1);
  } finally {
    await app.end();
    await session.close();
  }
});

import type { MigrationView, RolloutView } from '@holdfast/contract/api/resources.ts';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import type mysql from 'mysql2/promise';
import { afterEach, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { usersOf } from '../e2e/users.ts';
import { WorkBench } from '../e2e/work-bench.ts';
import { MariaDb, numbersTo } from './mariadb.ts';

/** A change of a MariaDB through a rollout: copied before instances start, exchanged at the gate, seen by nobody. */
const at = { app: 'shop', environment: 'production' };
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const SERVER = `require('node:http').createServer((request, response) => response.end(process.env.VERSION)).listen(Number(process.env.PORT), '127.0.0.1');\n`;
const WORKFLOW = `name: ship
on: { workflow_dispatch: , push: { branches: [main] } }
jobs:
  build:
    runs-on: self-hosted
    outputs: { artifact: "\${{ steps.publish.outputs.artifact }}" }
    steps:
      - uses: actions/checkout@v4
      - { id: publish, uses: holdfast/publish@v1, with: { name: shop, path: . } }
  production:
    needs: build
    runs-on: self-hosted
    steps:
      - { uses: holdfast/deploy@v1, with: { environment: production, artifact: "\${{ needs.build.outputs.artifact }}" } }
`;

const configOf = (port: number, version: string) => `version: 1
app: shop
environments:
  production:
    target: { command: [node, server.cjs], replicas: 1, env: { VERSION: ${version} } }
    readiness: { path: /, successes: 1, interval: 200ms }
    drain: { deadline: 2s, grace: 2s }
    traffic: { listen: ${port} }
    strategy: { kind: rolling, soak: 300ms }
    migrations:
      database: "\${{ secrets.DATABASE_URL }}"
      throttle: { batch: 20ms, nice: 3 }
`;

interface Scene {
  readonly bench: WorkBench;
  readonly sql: mysql.Connection;
  push(version: string, files?: Record<string, string>): Promise<void>;
  ask(): Promise<string>;
  rollout(): Promise<RolloutView | null>;
  becomes(version: number, fits: (migration: MigrationView) => boolean): Promise<MigrationView>;
}

async function open(): Promise<Scene> {
  const server = await MariaDb.start();
  closers.push(() => server.stop());
  const place = await server.database('shop');
  const sql = await server.connect('shop');
  closers.push(() => sql.end());
  await sql.query('CREATE TABLE orders (id bigint PRIMARY KEY, note varchar(60), amount int NOT NULL)');
  await sql.query(`INSERT INTO orders SELECT seq, CONCAT('note ', seq), seq FROM ${numbersTo(200_000)}`);
  const bench = await WorkBench.start();
  closers.push(() => bench.stop());
  const port = await freePorts(1);
  const url = `mysql://${place.user}:${encodeURIComponent(place.password)}@127.0.0.1:${place.port}/shop`;
  await bench.machine.client('setSecret', { params: { name: 'DATABASE_URL' }, body: { value: url } });
  const folder = await bench.repository(
    'shop',
    { 'server.cjs': SERVER, '.holdfast/workflows/ship.yml': WORKFLOW, 'holdfast.yaml': configOf(port, 'v1') },
    3_600,
  );
  const ask = () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      async (response) => `${response.status} ${await response.text()}`,
      (error: Error) => `nothing: ${error.message}`,
    );
  const run = await bench.run('shop');
  expect(run.jobs.map((job) => job.reason)).toEqual(run.jobs.map(() => null));
  await until('v1 to serve', async () => (await ask()) === '200 v1');
  return {
    bench,
    sql,
    ask,
    push: async (version, files = {}) => {
      bench.write(folder, { ...files, 'holdfast.yaml': configOf(port, version) });
      bench.commit(folder, version);
      await bench.machine.client('startRun', { body: { repository: 'shop', inputs: {} } });
    },
    rollout: async () => (await bench.machine.client('showEnvironment', { params: at })).rollout,
    becomes: async (version, fits) => {
      let seen: MigrationView | undefined;
      return until(`migration ${version} to come to that`, async () => {
        const { items } = await bench.machine.client('listMigrations', { params: at });
        seen = items.find((item) => item.version === version);
        return seen && fits(seen) ? seen : null;
      }).catch((error: Error) => {
        throw new Error(`${error.message}; it is ${seen?.state}: ${seen?.reason}`);
      });
    },
  };
}

test('a wider column is copied, waits for the end of a freeze, and takes its place before the release starts', async () => {
  const { bench, sql, ask, push, rollout, becomes } = await open();
  const users = usersOf(ask);
  await push('v2', {
    'db/migrations/0001_wider/expand.sql': 'ALTER TABLE orders MODIFY amount bigint NOT NULL;\n',
  });
  await becomes(1, ({ state, progress }) => state === 'expanding' && (progress?.rows ?? 0) > 0);
  expect(await rollout()).toMatchObject({ state: 'expanding', weight: 0 });
  const freeze = { until: new Date(Date.now() + 3_600_000).toISOString(), why: 'the audit' };
  await bench.machine.client('freeze', { params: at, body: { freeze } });
  const held = await becomes(
    1,
    ({ state, reason }) => state === 'paused' && /is complete/.test(reason ?? ''),
  );
  expect(held.reason).toMatch(/^the copy of orders is complete; .*frozen until .*: the audit/);
  const type =
    "SELECT data_type AS type FROM information_schema.columns WHERE table_schema = 'shop' AND table_name = 'orders' AND column_name = 'amount'";
  expect((await sql.query(type))[0]).toEqual([{ type: 'int' }]);
  const { items: plans } = await bench.machine.client('planMigrations', { params: at });
  expect(plans[0]?.steps).toEqual([
    {
      phase: 'expand',
      sql: [expect.stringContaining('ALTER TABLE `orders` MODIFY amount bigint NOT NULL')],
      locks: [],
      rows: expect.any(Number),
    },
  ]);
  await bench.machine.client('freeze', { params: at, body: { freeze: null } });
  await until('v2 to serve', async () => (await ask()) === '200 v2');
  await until('the rollout to end', async () => (await rollout())?.state === 'done');
  expect((await sql.query(type))[0]).toEqual([{ type: 'bigint' }]);
  await becomes(1, ({ state }) => state === 'done');
  expect(await users.stop()).toEqual([]);
  const { items } = await bench.machine.client('planMigrations', { params: at });
  expect(items).toEqual([]);
});

test('a change that would take something away from the release that serves is refused with that sentence', async () => {
  const { push, becomes, ask } = await open();
  await push('v2', { 'db/migrations/0001_drop/expand.sql': 'ALTER TABLE orders DROP COLUMN note;\n' });
  const failed = await becomes(1, ({ state, pausedBy }) => state === 'paused' && pausedBy === 'failure');
  expect(failed.reason).toContain('0001_drop/expand.sql:1:1: DROP in orders belongs into contract.sql');
  expect(await ask()).toBe('200 v1');
});

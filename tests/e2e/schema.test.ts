import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { MigrationView, RolloutView } from '@holdfast/contract/api/resources.ts';
import { freePorts } from '@holdfast/testkit/free-ports.ts';
import { buildSync } from 'esbuild';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { AppDatabase } from './app-database.ts';
import { usersOf } from './users.ts';
import { WorkBench } from './work-bench.ts';

/**
 * Schema changes bound to rollouts: the examples through a canary, a rollback, and on to the
 * contract phase, with users who write in both shapes; and what keeps a change waiting.
 */
const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const at = { app: 'shop', environment: 'production' };
const LIMIT_MS = 90_000;

let shop: Shop | undefined;
afterEach(async () => {
  await shop?.stop();
  shop = undefined;
});

function filesOf(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]));
}

/** The driver in one file, so that no registry is asked while a test runs. */
function driver(): string {
  const built = buildSync({
    stdin: { contents: "export { default } from 'pg'", resolveDir: EXAMPLES },
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
    external: ['pg-native'],
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
  return built.outputFiles[0]?.text ?? '';
}

class Shop {
  readonly bench: WorkBench;
  readonly database: AppDatabase;
  readonly standby: AppDatabase | null;
  readonly folder: string;
  readonly config: string;
  readonly port: number;
  private releases = 1;

  private constructor(
    bench: WorkBench,
    parts: {
      database: AppDatabase;
      standby: AppDatabase | null;
      folder: string;
      config: string;
      port: number;
    },
  ) {
    this.bench = bench;
    this.database = parts.database;
    this.standby = parts.standby;
    this.folder = parts.folder;
    this.config = parts.config;
    this.port = parts.port;
  }

  /** The example's first release serves, on the schema that its first change made. */
  static async open(
    example: string,
    change: (config: string) => string = (same) => same,
    {
      controllers = 1,
      hasStandby = false,
    }: { readonly controllers?: number; readonly hasStandby?: boolean } = {},
  ): Promise<Shop> {
    const bench = await WorkBench.start({}, controllers);
    const database = await AppDatabase.begin(bench.root);
    const standby = hasStandby ? await database.standby() : null;
    const port = await freePorts(1);
    const files = filesOf(join(EXAMPLES, example));
    const config = change((files['holdfast.yaml'] ?? '').replace('listen: 8080', `listen: ${port}`));
    const first = Object.fromEntries(Object.entries(files).filter(([path]) => !path.startsWith('next/')));
    const bundled = {
      'node_modules/pg/index.js': driver(),
      'node_modules/pg/package.json': '{"type":"module","main":"index.js"}',
    };
    await bench.machine.client('setSecret', {
      params: { name: 'DATABASE_URL' },
      body: { value: database.url },
    });
    if (standby) {
      const hosts = [database, standby].map(({ url }) => new URL(url).host).join(',');
      await bench.machine.client('setSecret', {
        params: { name: 'SCHEMA_URL' },
        body: { value: `postgres://shop@${hosts}/postgres` },
      });
    }
    const folder = await bench.repository('shop', { ...first, ...bundled, 'holdfast.yaml': config }, 3_600);
    const opened = new Shop(bench, { database, standby, folder, config, port });
    shop = opened;
    const run = await bench.run('shop');
    expect(run.jobs.map((job) => job.reason)).toEqual(run.jobs.map(() => null));
    await until('v1 to serve', async () => (await opened.ask()).startsWith('200 v1'));
    return opened;
  }

  async stop(): Promise<void> {
    await this.bench.stop();
    await this.database.stop();
    await this.standby?.stop();
  }

  async ask(): Promise<string> {
    return fetch(`http://127.0.0.1:${this.port}/`).then(
      async (response) => `${response.status} ${await response.text()}`,
      (error: Error) => `nothing: ${error.message}`,
    );
  }

  /** The example's next release. */
  async push(version: string, files: Record<string, string> = {}): Promise<number> {
    this.bench.write(this.folder, {
      ...files,
      'holdfast.yaml': this.config.replace('VERSION: v1', `VERSION: ${version}`),
    });
    this.bench.commit(this.folder, version);
    await this.bench.machine.client('startRun', { body: { repository: 'shop', inputs: {} } });
    this.releases += 1;
    return this.releases;
  }

  next(example: string): Record<string, string> {
    return filesOf(join(EXAMPLES, example, 'next'));
  }

  rollout(): Promise<RolloutView | null> {
    return this.bench.machine.client('showEnvironment', { params: at }).then(({ rollout }) => rollout);
  }

  async reach(number: number, state: RolloutView['state']): Promise<RolloutView> {
    let seen: RolloutView | null = null;
    const look = async () => {
      seen = await this.rollout();
      return seen?.candidate.number === number && seen.state === state ? seen : null;
    };
    return until(`release ${number} to be ${state}`, look, LIMIT_MS).catch((error: Error) => {
      throw new Error(
        `${error.message}; it is release ${seen?.candidate.number}, ${seen?.state}: ${seen?.reason}`,
      );
    });
  }

  async migration(version: number): Promise<MigrationView | undefined> {
    const { items } = await this.bench.machine.client('listMigrations', { params: at });
    return items.find((item) => item.version === version);
  }

  async becomes(version: number, fits: (migration: MigrationView) => boolean): Promise<MigrationView> {
    let seen: MigrationView | undefined;
    const look = async () => {
      seen = await this.migration(version);
      return seen && fits(seen) ? seen : null;
    };
    return until(`migration ${version} to come to that`, look, LIMIT_MS).catch((error: Error) => {
      throw new Error(`${error.message}; it is ${seen?.state}: ${seen?.reason}`);
    });
  }

  steer(version: number, verb: 'pause' | 'resume' | 'abort' | 'contract') {
    return this.bench.machine.client('steerMigration', { params: { ...at, version, verb } });
  }

  load(): { stop(): Promise<string[]> } {
    return usersOf(() => this.ask());
  }
}

describe.each([
  ['04-rename-column', 'SELECT count(*)::int AS wrong FROM customers WHERE email IS NULL', 'mail'],
  [
    '05-split-column',
    "SELECT count(*)::int AS wrong FROM customers WHERE first_name NOT LIKE 'First%' OR last_name NOT LIKE 'Last%'",
    'name',
  ],
  ['06-not-null', 'SELECT count(*)::int AS wrong FROM orders WHERE currency IS NULL', null],
])('%s', (example, wrong, gone) => {
  test('goes through a canary, a rollback and the contract phase, and no user notices', async () => {
    const app = await Shop.open(example);
    const users = app.load();
    const second = await app.push('v2', app.next(example));
    await app.reach(second, 'done');
    const { schema } = await app.bench.machine.client('diffReleases', {
      params: at,
      query: { from: 1, to: second },
    });
    expect(schema).toEqual([{ version: 2, change: 'added' }]);
    const why = 'release 1 can still be returned to and uses the old shape';
    await app.becomes(2, ({ state, reason }) => state === 'ready' && reason === why);

    await app.bench.machine.client('rollBack', { params: at });
    await until('release 1 to serve again', async () => (await app.rollout())?.state === 'rolledBack');
    expect(await app.ask()).toContain('200 v1');
    await app.reach(await app.push('v3'), 'done');
    await app.reach(await app.push('v4'), 'done');
    const done = await app.becomes(2, ({ state }) => state === 'done');
    expect(done.pointOfNoReturn).toBe('passed');

    expect(await users.stop()).toEqual([]);
    expect(await app.database.query(wrong)).toEqual([{ wrong: 0 }]);
    const columns = await app.database.query<{ name: string }>(
      "SELECT column_name AS name FROM information_schema.columns WHERE table_schema = 'public'",
    );
    expect(columns.map(({ name }) => name)).not.toContain(gone);
  });
});

describe('what comes in between', () => {
  /** Small batches with long rests: there is time for everything that may happen. */
  const slow = (config: string) =>
    config.replace(
      '      path: db/migrations',
      '      throttle: { batch: 10ms, nice: 4, transaction: 2s, slotBytes: 4MiB }\n      path: db/migrations',
    );
  const held = (why: RegExp) => (migration: MigrationView) =>
    migration.state === 'paused' && migration.pausedBy === 'signal' && why.test(migration.reason ?? '');
  const goesOn = ({ state, reason }: MigrationView) => state !== 'paused' && reason === null;

  test('each thing that hurts pauses the backfill, says why, and lets it go on by itself', async () => {
    const app = await Shop.open('06-not-null', slow);
    await app.push('v2', app.next('06-not-null'));
    await app.becomes(2, ({ state, progress }) => state === 'backfilling' && (progress?.rows ?? 0) > 0);

    const report = await app.database.session("SET application_name = 'report'; BEGIN; SELECT 1");
    await app.becomes(2, held(/^a transaction is open for/));
    await report.end();
    await app.becomes(2, goesOn);

    await app.database.query("SELECT pg_create_physical_replication_slot('forgotten', true)");
    await app.becomes(2, held(/^a replication slot holds back [\d.]+ MiB of WAL, the limit is 4 MiB$/));
    await app.database.query("SELECT pg_drop_replication_slot('forgotten')");
    await app.becomes(2, goesOn);

    await app.database.kill();
    await app.becomes(2, held(/^the app's database (?:cannot be reached|went away)/));
    await app.database.restart();
    await app.becomes(2, goesOn);

    await app.steer(2, 'pause');
    await app.becomes(2, ({ state, pausedBy }) => state === 'paused' && pausedBy === 'person');
    const waiting = await until('the rollout to say so', async () => {
      const rollout = await app.rollout();
      return rollout?.reason?.includes('paused by hand') ? rollout : null;
    });
    expect(waiting).toMatchObject({ state: 'ready', weight: 0 });
    expect(waiting.reason).toMatch(
      /^waits for migration 0002_currency to be ready \(paused, \d+ %: paused by hand\)$/,
    );
    await expect(app.steer(2, 'abort')).rejects.toThrow('release 2 needs migration 0002_currency');
    await app.bench.machine.client('steerRollout', {
      params: { id: waiting.id, verb: 'abort' },
      body: {},
    });
    await app.reach(2, 'aborted');
    await until('nobody to need it', () =>
      app.steer(2, 'abort').then(
        () => true,
        () => null,
      ),
    );
    await app.becomes(2, ({ state }) => state === 'aborted');
    expect(await app.ask()).toContain('200 v1');
    expect(await app.database.query('SELECT tgname FROM pg_trigger WHERE NOT tgisinternal')).toEqual([]);
  });

  test('the primary is lost in the middle of a backfill, which goes on at the standby that takes over', async () => {
    const bothHosts = (config: string) =>
      slow(config)
        .replace('nice: 4', 'nice: 1')
        .replace('database: "${{ secrets.DATABASE_URL }}"', 'database: "${{ secrets.SCHEMA_URL }}"');
    const app = await Shop.open('06-not-null', bothHosts, { hasStandby: true });
    await app.database.query('ANALYZE orders');
    await app.push('v2', app.next('06-not-null'));
    await app.becomes(2, ({ state, progress }) => state === 'backfilling' && (progress?.rows ?? 0) > 0);
    await app.database.kill();
    await app.becomes(2, held(/^the app's database takes no writes now: it is a standby$/));
    await app.standby?.promote();
    await app.becomes(2, goesOn);
    await app.becomes(2, ({ state }) => state === 'ready');
    const wrong = await app.standby?.query(
      'SELECT count(*)::int AS wrong FROM orders WHERE currency IS NULL',
    );
    expect(wrong).toEqual([{ wrong: 0 }]);
  });

  const STRUCK = ['expanding', 'expanded', 'backfilling', 'verifying', 'ready', 'contracting'];

  test('all controllers are killed at every step of a change, and neither users nor rows notice', async () => {
    const app = await Shop.open('04-rename-column', slow, { controllers: 2 });
    const users = app.load();
    const killed: string[] = [];
    /** Also while there is nobody to ask. */
    const patiently = (what: string, look: () => Promise<unknown>) =>
      until(what, () => look().catch(() => null), LIMIT_MS);
    const isAt = (number: number, state: RolloutView['state']) => async () => {
      const rollout = await app.rollout();
      return rollout?.candidate.number === number && rollout.state === state;
    };
    let running = true;
    const strikes = (async () => {
      for (; running; await sleep(10)) {
        const state = (await app.migration(2).catch(() => undefined))?.state;
        if (!state || !STRUCK.includes(state) || killed.includes(state)) continue;
        killed.push(state);
        for (const name of ['controller-1', 'controller-2']) app.bench.machine.kill(name);
      }
    })();
    await app.push('v2', app.next('04-rename-column'));
    await patiently('v2 to be there', isAt(2, 'done'));
    for (const number of [3, 4]) {
      await patiently('the push to be taken', () => app.push(`v${number}`));
      await patiently(`v${number} to be there`, isAt(number, 'done'));
    }
    await patiently('the contract phase', async () => (await app.migration(2))?.state === 'done');
    running = false;
    await strikes;
    // Others may be over before anybody can strike.
    expect(killed).toEqual(expect.arrayContaining(['backfilling', 'ready']));
    expect(killed.length).toBeGreaterThan(3);
    expect(await users.stop()).toEqual([]);
    expect(
      await app.database.query('SELECT count(*)::int AS wrong FROM customers WHERE email IS NULL'),
    ).toEqual([{ wrong: 0 }]);
  });
});

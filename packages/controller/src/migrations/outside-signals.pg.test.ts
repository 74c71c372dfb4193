import { readConfig } from '@holdfast/contract/config/read-config.ts';
import { newId } from '@holdfast/contract/id.ts';
import { bucketOf } from '@holdfast/core/analysis/histogram.ts';
import { DEFAULT_LIMITS, throttle } from '@holdfast/core/migration/throttle.ts';
import { planned } from '@holdfast/core/rollout/begin.ts';
import { PLAN } from '@holdfast/core/rollout/rollout-driver.ts';
import type { Database } from '@holdfast/postgres/database.ts';
import { insertRelease } from '@holdfast/postgres/release/release-store.ts';
import type { EnvironmentRow } from '@holdfast/postgres/rollout/environment-store.ts';
import { lockEnvironment, upsertEnvironment } from '@holdfast/postgres/rollout/environment-store.ts';
import { insertRollout, saveRollout } from '@holdfast/postgres/rollout/rollout-store.ts';
import { keepIntervals } from '@holdfast/postgres/rollout/router-store.ts';
import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { outsideSignals, windowSignals } from './outside-signals.ts';

let server: TestServer;
let database: Database;
let environment: EnvironmentRow;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const text = (more = '') => `version: 1
app: shop
environments:
  production:
    target: { command: [node, server.js] }
    migrations: { path: db, database: "\${{ secrets.DATABASE_URL }}"${more} }
`;
const configOf = (more = '') => {
  const [app] = readConfig('holdfast.yaml', text(more));
  return Object.values(app?.environments ?? {})[0] as EnvironmentRow['config'];
};

beforeEach(async () => {
  database = await server.database();
  const made = await upsertEnvironment(database, {
    id: newId(),
    app: 'shop',
    name: 'production',
    config: configOf(),
    generation: 1,
  });
  environment = (await lockEnvironment(database, made.id)) as EnvironmentRow;
});

/** So many requests a second of one latency, over these seconds. */
async function traffic(from: number, to: number, { requests, ms }: { requests: number; ms: number }) {
  const seconds = Array.from({ length: to - from }, (_, index) => from + index);
  const group = {
    name: 'stable' as const,
    release: 'r1',
    requests,
    failed: 0,
    units: requests,
    failedUnits: 0,
    failedUsers: null,
    latency: { [bucketOf(ms)]: requests },
  };
  await keepIntervals(database, {
    environment: 'shop/production',
    workerId: newId(),
    intervals: seconds.map((second) => ({ second, groups: [group] })),
  } as unknown as Parameters<typeof keepIntervals>[1]);
}

const BEGUN = 1_000_000;
const NOW = BEGUN + 120;
const signals = () => outsideSignals(database, environment, { since: BEGUN * 1_000, now: NOW * 1_000 });
const reason = async () => throttle(await signals(), DEFAULT_LIMITS, null)?.reason ?? null;

test("the app's p95 is compared with what it was before the change was known", async () => {
  await traffic(BEGUN - 100, BEGUN, { requests: 20, ms: 40 });
  await traffic(NOW - 10, NOW, { requests: 20, ms: 50 });
  expect(await reason()).toBeNull();
  await traffic(NOW - 10, NOW, { requests: 20, ms: 120 });
  expect(await reason()).toMatch(
    /^the app's p95 is (2\.9|3\.0|3\.1) times what it was before, the limit is 1.5$/,
  );
});

test('a change of p95 that is noise, or of a handful of requests, holds nothing', async () => {
  await traffic(BEGUN - 100, BEGUN, { requests: 20, ms: 2 });
  await traffic(NOW - 10, NOW, { requests: 20, ms: 15 });
  expect(await reason()).toBeNull();
  database = await server.database();
  await traffic(BEGUN - 3, BEGUN, { requests: 1, ms: 40 });
  await traffic(NOW - 10, NOW, { requests: 20, ms: 4_000 });
  expect(await signals()).toEqual([{ name: 'rolloutHarm', value: 0 }]);
});

test('a rollout that does harm holds it', async () => {
  expect(await reason()).toBeNull();
  const release = {
    artifact_name: 'a',
    artifact_digest: 'sha256:a',
    secret_versions: {},
    commit: null,
    schema: null,
  };
  const made = await insertRelease(database, {
    ...release,
    id: newId(),
    environment_id: environment.id,
    config: environment.config,
    repository_id: null,
  });
  const rollout = planned(
    {
      id: newId(),
      environment: environment.id,
      kind: 'release',
      candidate: made.id,
      stable: null,
      askedBy: null,
      plan: PLAN,
    },
    0,
  );
  await insertRollout(database, rollout, 'test');
  const judgement = {
    verdict: 'worse',
    sentence: 'it fails',
    metrics: [],
  } as unknown as typeof rollout.judgement;
  await saveRollout(database, rollout, { ...rollout, state: 'analysing', judgement });
  expect(await reason()).toBe('the rollout is worse than the release before');
});

test('outside its maintenance windows it rests', () => {
  const nightly = configOf(', throttle: { windows: ["Mon-Sun 02:00-04:00 UTC"] }');
  const at = (time: string) =>
    throttle(windowSignals(nightly, new Date(`2026-11-22T${time}Z`)), DEFAULT_LIMITS, null)?.reason ?? null;
  expect(at('03:00:00')).toBeNull();
  expect(at('12:00:00')).toBe('it is outside the maintenance windows');
  expect(windowSignals(configOf(), new Date())).toEqual([{ name: 'outsideWindows', value: 0 }]);
});

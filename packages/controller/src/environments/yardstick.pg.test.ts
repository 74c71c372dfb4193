import { newId } from '@holdfast/contract/id.ts';
import { noEvidence } from '@holdfast/core/analysis/evidence.ts';
import { planned } from '@holdfast/core/rollout/begin.ts';
import { PLAN } from '@holdfast/core/rollout/rollout-driver.ts';
import type { Database } from '@holdfast/postgres/database.ts';
import { keepIntervals } from '@holdfast/postgres/rollout/router-store.ts';
import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addYardstick } from './collect-evidence.ts';

let server: TestServer;
let database: Database;
beforeAll(async () => {
  server = await startTestServer();
  database = await server.database();
});
afterAll(() => server.stop());

async function traffic(release: string, from: number, to: number): Promise<void> {
  const group = { name: 'stable', release, requests: 10, failed: 1, units: 10, failedUnits: 1 } as const;
  await keepIntervals(database, {
    environment: 'shop/production',
    workerId: newId(),
    intervals: Array.from({ length: to - from }, (_, index) => ({
      second: from + index,
      groups: [{ ...group, failedUsers: null, latency: { 40: 10 } }],
    })),
  } as unknown as Parameters<typeof keepIntervals>[1]);
}

test('a switch is compared with the five minutes before it, however long it has waited', async () => {
  const [asked, switched] = [1_000_000, 1_040_000];
  await traffic('r1', asked - 10, asked + 10);
  await traffic('r1', switched - 1_000, switched + 60);
  await traffic('r0', switched - 100, switched);
  const plan = { ...PLAN, strategy: 'blueGreen', baseline: 'before' } as const;
  const given = { id: 'r', environment: 'e', kind: 'release', askedBy: null, plan } as const;
  const rollout = planned({ ...given, candidate: 'r2', stable: 'r1' }, asked * 1_000);
  const evidence = await addYardstick(database, 'shop/production', {
    ...rollout,
    trafficSince: switched * 1_000,
  });
  expect(evidence.stable).toMatchObject({ requests: 3_010, failedUnits: 301, latency: { 40: 3_010 } });
  expect(evidence.baseline).toEqual(evidence.stable);
  expect(evidence.candidate).toEqual(noEvidence().candidate);
});

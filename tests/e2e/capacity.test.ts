import { freePorts } from '@holdfast/testkit/free-ports.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { usersOf } from './users.ts';
import { APP, shipWorkflow, WorkBench } from './work-bench.ts';

/** An environment whose replicas cannot carry what is asked of them, seen from outside. */
let bench: WorkBench;
let folder: string;
let port: number;
const at = { app: 'app', environment: 'production' };

const config = (version: string, safeRps: number) => `version: 1
app: app
environments:
  production:
    target: { command: [node, server.js], replicas: 2, env: { VERSION: "${version}" } }
    readiness: { path: /, successes: 1, interval: 100ms }
    drain: { deadline: 1s, grace: 1s }
    traffic: { listen: ${port} }
    strategy:
      steps: [50%]
      soak: 100ms
      capacity: { safeRps: ${safeRps} }
      analysis: { dwell: 300ms, deadline: 1s, warmup: 0s }
`;

beforeAll(async () => {
  bench = await WorkBench.start();
  port = await freePorts(1);
  folder = await bench.repository(
    'app',
    { ...APP, '.holdfast/workflows/ship.yml': shipWorkflow, 'holdfast.yaml': config('v1', 2) },
    3_600,
  );
  expect((await bench.run('app')).state).toBe('succeeded');
});
afterAll(() => bench.stop());

test('plan refuses what the replicas cannot carry, the rollout holds, and a release that can goes through', async () => {
  expect(await bench.holdfast(['plan', 'app/production'])).toMatchObject({ code: 0 });
  const users = usersOf(async () => {
    await new Promise((done) => setTimeout(done, 50));
    return fetch(`http://127.0.0.1:${port}/`).then(
      async (answer) => `${answer.status} ${await answer.text()}`,
      (error: Error) => error.message,
    );
  });
  const refused = await until('the traffic to be seen', async () => {
    const said = await bench.holdfast(['plan', 'app/production']);
    return said.code === 0 ? null : said;
  });
  expect(refused).toMatchObject({
    code: 1,
    out: expect.stringMatching(
      /At 50% the candidate cannot carry 50% of \d+ requests\/s: \d+ requests\/s on 1 ready replicas of 2 requests\/s each/,
    ),
  });
  expect(JSON.parse((await bench.holdfast(['plan', 'app/production', '--json'])).out).overloads).not.toEqual(
    [],
  );

  bench.write(folder, { 'holdfast.yaml': config('v2', 2) });
  bench.commit(folder, 'v2');
  await bench.machine.client('startRun', { body: { repository: 'app', inputs: {} } });
  const held = await until('the rollout to be held', async () => {
    const { rollout } = await bench.machine.client('showEnvironment', { params: at });
    return rollout?.candidate.number === 2 && rollout.state === 'held' ? rollout : null;
  });
  // Half of it asks no more of a replica than stable's are asked now; all of it, more than both fleets together.
  expect(held).toMatchObject({ heldFor: 'capacity', weight: 5_000 });
  const shown = await bench.holdfast(['rollout', 'show', 'app/production']);
  expect(shown.out).toContain('the candidate cannot carry 100%');

  bench.write(folder, { 'holdfast.yaml': config('v3', 1_000) });
  bench.commit(folder, 'v3');
  await bench.machine.client('startRun', { body: { repository: 'app', inputs: {} } });
  await until('the release that says it can carry more to be done', async () => {
    const { rollout } = await bench.machine.client('showEnvironment', { params: at });
    return rollout?.candidate.number === 3 && rollout.state === 'done';
  });
  expect((await bench.machine.client('showRollout', { params: { id: held.id } })).state).toBe('superseded');
  expect(await users.stop()).toEqual([]);
});

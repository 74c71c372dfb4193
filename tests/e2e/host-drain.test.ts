import { freePorts } from '@holdfast/testkit/free-ports.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../tools/demo/machine.ts';
import { SpareAgents } from './spare-agent.ts';
import { usersOf } from './users.ts';
import { APP, shipWorkflow } from './work-bench.ts';

const config = (port: number) => `version: 1
app: app
environments:
  production:
    target: { command: [node, server.js], replicas: 2, env: { VERSION: v1 } }
    readiness: { path: /, successes: 1, interval: 200ms }
    drain: { deadline: 1s, grace: 1s }
    traffic: { listen: ${port} }
`;

/** A host that is to be taken away while users are served from it. */
let agents: SpareAgents;
beforeAll(async () => {
  agents = await SpareAgents.begin({ lostMs: 10_000 });
});
afterAll(() => agents.stop());

test('a drained host ends when what it served is served elsewhere, and no user notices', async () => {
  const { bench } = agents;
  const leaving = await agents.start('second', { words: ['--host'] });
  const port = await freePorts(1);
  await bench.repository('app', {
    ...APP,
    '.holdfast/workflows/ship.yml': shipWorkflow,
    'holdfast.yaml': config(port),
  });
  expect((await bench.run('app')).state).toBe('succeeded');
  const places = async () => {
    const { instances } = await bench.machine.client('showEnvironment', {
      params: { app: 'app', environment: 'production' },
    });
    return instances.filter(({ state }) => state === 'ready').map(({ agent }) => agent);
  };
  const { items } = await bench.machine.client('listAgents');
  const [first, second] = ['agent-1', 'second'].map((name) => items.find((agent) => agent.name === name)?.id);
  expect((await places()).toSorted()).toEqual([first, second].toSorted());
  const users = usersOf(() =>
    fetch(`http://127.0.0.1:${port}/`).then(
      async (answer) => `${answer.status} ${await answer.text()}`,
      (error: Error) => error.message,
    ),
  );
  expect(await bench.holdfast(['agent', 'drain', 'second'])).toMatchObject({ code: 0 });
  expect(await leaving.ended).toBe(0);
  expect(await places()).toEqual([first, first]);
  // The last one stays with what nobody else could have, and the doctor says so.
  expect(await bench.holdfast(['agent', 'drain', 'agent-1'])).toMatchObject({ code: 0 });
  const doctor = await bench.holdfast(['doctor']);
  expect(doctor.out).toContain(
    'it was asked to go and stays, because no other host may have 2 of its instances',
  );
  await bench.holdfast(['agents', 'resume', 'agent-1']);
  await until('it to be offline', async () => (await agents.stateOf('second')) === 'offline');
  expect(await users.stop()).toEqual([]);
});

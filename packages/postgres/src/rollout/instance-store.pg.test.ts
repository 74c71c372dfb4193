import { newId } from '@holdfast/contract/id.ts';
import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { greetAgent, setAgentIntent } from '../agent/agent-store.ts';
import type { Database } from '../database.ts';
import { endAtGoneHosts, insertInstance, instancesOf, setDesired } from './instance-store.ts';

let server: TestServer;
let database: Database;
beforeAll(async () => {
  server = await startTestServer();
  database = await server.database();
});
afterAll(() => server.stop());

const environment = newId();

/** An instance at a host of its own, and nothing that it belongs to. */
async function instanceAt(host: { intent: 'work' | 'drain'; state: string }, desired: 'run' | 'stop') {
  const [agent, id, release] = [newId(), newId(), newId()];
  const described = { labels: [], zone: '', slots: 0, host: true, address: '' };
  await greetAgent(database, { id: agent, name: agent, sessionId: newId(), ...described });
  await setAgentIntent(database, agent, host.intent);
  await database.query('UPDATE agent SET state = $2 WHERE id = $1', [agent, host.state]);
  await database.transaction(async (sql) => {
    await sql.query('SET LOCAL session_replication_role = replica');
    const place = { environment_id: environment, release_id: release, agent_id: agent, host: '' };
    await insertInstance(sql, { id, ...place, arm: 'stable', generation: 1 });
  });
  await setDesired(database, id, desired);
  return id;
}

test('what was to be stopped at a host that was asked to go, and went, has ended; nothing else has', async () => {
  const [gone, stays] = [
    { intent: 'drain', state: 'offline' } as const,
    { intent: 'drain', state: 'online' } as const,
  ];
  const ghost = await instanceAt(gone, 'stop');
  const others = [
    await instanceAt(gone, 'run'),
    await instanceAt(stays, 'stop'),
    await instanceAt({ intent: 'work', state: 'offline' }, 'stop'),
  ];
  await endAtGoneHosts(database, newId());
  expect(await instancesOf(database, environment)).toHaveLength(4);
  await endAtGoneHosts(database, environment);
  const left = (await instancesOf(database, environment)).map(({ id }) => id);
  expect(left).toEqual(others);
  expect(left).not.toContain(ghost);
});

import { newId } from '@holdfast/contract/id.ts';
import { ensureDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { findTrigger, receiveTrigger } from '@holdfast/postgres/run/inbox-store.ts';
import { insertRepository } from '@holdfast/postgres/run/repository-store.ts';
import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Duties } from '../loop/duties.ts';
import type { Services } from '../services.ts';
import { readInbox } from './read-inbox.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

test('a trigger that nobody can read is refused after five times, and those behind it are read', async () => {
  const database = await server.database();
  const repositoryId = newId();
  await insertRepository(database, {
    id: repositoryId,
    name: 'shop',
    url: '/nowhere',
    poll_seconds: 60,
    webhook_secret: Buffer.alloc(32),
  });
  const [poisoned, behind] = [newId(), newId()];
  for (const [id, ref] of [
    [poisoned, 'poisoned'],
    [behind, 'sound'],
  ] as const)
    await receiveTrigger(database, { id, repositoryId, delivery: id, kind: 'dispatch', payload: { ref } });
  const refs: string[] = [];
  const services = {
    database,
    log: pino({ level: 'silent' }),
    hints: { send: () => {} },
    mirrors: {
      fetch: async () => 'mirror',
      resolve: async (_mirror: string, ref: string) => {
        refs.push(ref);
        if (ref === 'poisoned') throw new TypeError('nothing has no name');
        throw Object.assign(new Error('too many files'), { code: 'EMFILE' });
      },
    },
  } as unknown as Services;
  const duties = new Duties({
    database,
    holder: 'controller-1',
    handlers: { inbox: (duty) => readInbox(services, duty) },
    log: services.log,
    ended: () => {},
  });
  await ensureDuty(database, 'inbox', repositoryId);
  for (let turn = 0; turn < 7; turn += 1) {
    await database.query('UPDATE duty SET due_at = clock_timestamp()');
    await duties.look();
    await duties.stop();
  }
  expect(refs.filter((ref) => ref === 'poisoned')).toHaveLength(5);
  expect(await findTrigger(database, poisoned)).toMatchObject({
    state: 'refused',
    reason: "Holdfast failed at it 5 times, which is a fault of Holdfast's own: nothing has no name",
  });
  // What the machine lacks is waited for, however long it takes.
  expect(refs.filter((ref) => ref === 'sound')).toHaveLength(2);
  expect((await findTrigger(database, behind))?.state).toBe('pending');
});

import { newId } from '@holdfast/contract/id.ts';
import { LIMITS } from '@holdfast/contract/limits.ts';
import { insertRepository } from '@holdfast/postgres/run/repository-store.ts';
import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { requireRoom } from './require-room.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

test('a repository of which too many triggers wait takes no more until one is settled, and others do', async () => {
  const database = await server.database();
  const [full, empty] = [
    { id: newId(), name: 'full' },
    { id: newId(), name: 'empty' },
  ];
  for (const repository of [full, empty])
    await insertRepository(database, {
      ...repository,
      url: '/nowhere',
      poll_seconds: 60,
      webhook_secret: Buffer.alloc(32),
    });
  await database.query(
    `INSERT INTO inbox (id, repository_id, delivery, kind, payload)
     SELECT gen_random_uuid(), $1, n::text, 'dispatch', '{}' FROM generate_series(1, $2::int) AS n`,
    [full.id, LIMITS.queuePerRepository],
  );
  await expect(requireRoom(database, full)).rejects.toMatchObject({ code: 'queueFull', kind: 'unavailable' });
  await requireRoom(database, empty);
  await database.query(`UPDATE inbox SET state = 'done' WHERE delivery = '1'`);
  await requireRoom(database, full);
});

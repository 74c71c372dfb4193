import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '@holdfast/contract/id.ts';
import { startServer, stopServer } from '@holdfast/postgres/embedded/server.ts';
import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readControllerConfig } from './config.ts';
import { type RunningController, startController } from './controller.ts';

let server: TestServer;
let folder: string;
let controller: RunningController;
beforeAll(async () => {
  server = await startTestServer();
  folder = mkdtempSync(join(tmpdir(), 'holdfast-controller-'));
  writeFileSync(join(folder, 'master.key'), randomBytes(32).toString('base64'));
  const config = readControllerConfig(
    {
      database: (await server.database()).url,
      blobs: join(folder, 'blobs'),
      listen: '127.0.0.1:0',
      'master-key-file': join(folder, 'master.key'),
      'admin-token-file': join(folder, 'admin.token'),
    },
    {},
  );
  controller = await startController(config, pino({ level: 'silent' }));
});
afterAll(async () => {
  await controller.stop();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Status and the part of the answer that says what is the matter. */
async function ask(path: string, body?: object, key = newId()): Promise<readonly [number, unknown]> {
  const headers = {
    authorization: `Bearer ${readFileSync(join(folder, 'admin.token'), 'utf8').trim()}`,
    ...(body ? { 'content-type': 'application/json', 'idempotency-key': key } : {}),
  };
  const answer = await fetch(`${controller.address}${path}`, {
    headers,
    ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
  });
  const text = await answer.text();
  const document = text.startsWith('{') ? JSON.parse(text) : {};
  return [answer.status, document.code ?? document.checks ?? null];
}

test('the database is away: the controller lives, is not ready, says so to everybody, and comes back by itself', async () => {
  const token = { name: 'agents', scopes: ['agent'] };
  expect(await ask('/readyz')).toEqual([200, { database: 'ok' }]);

  await stopServer(server.place);
  expect(await ask('/healthz')).toEqual([200, null]);
  expect(await ask('/readyz')).toEqual([503, { database: 'unreachable' }]);
  expect(await ask('/api/v1/runs')).toEqual([503, 'databaseUnavailable']);
  const key = newId();
  expect(await ask('/api/v1/tokens', token, key)).toEqual([503, 'databaseUnavailable']);

  await startServer(server.place);
  await expect.poll(() => ask('/readyz'), { timeout: 10_000 }).toEqual([200, { database: 'ok' }]);
  expect(await ask('/api/v1/tokens', token, key)).toEqual([200, null]);
  expect((await ask('/api/v1/runs'))[0]).toBe(200);
});

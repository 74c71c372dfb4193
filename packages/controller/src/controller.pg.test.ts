import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '@holdfast/contract/id.ts';
import type { Database } from '@holdfast/postgres/database.ts';
import { startServer, stopServer } from '@holdfast/postgres/embedded/server.ts';
import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readControllerConfig } from './config.ts';
import { type RunningController, startController } from './controller.ts';

let server: TestServer;
let folder: string;
let controller: RunningController;
let database: Database;
beforeAll(async () => {
  server = await startTestServer();
  folder = mkdtempSync(join(tmpdir(), 'holdfast-controller-'));
  writeFileSync(join(folder, 'master.key'), randomBytes(32).toString('base64'));
  database = await server.database();
  const config = readControllerConfig(
    {
      database: database.url,
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

/** The status line that comes before any of a long body was sent. */
function askWithoutBody(path: string): Promise<string> {
  const { hostname, port } = new URL(controller.address);
  return new Promise((done, fail) => {
    const socket = connect(Number(port), hostname, () =>
      socket.write(
        `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer nobody\r\ncontent-type: application/json\r\ncontent-length: 8000000\r\n\r\n{`,
      ),
    );
    socket.setTimeout(5_000, () => socket.destroy(new Error('no answer')));
    socket.once('error', fail);
    socket.once('data', (answer) => {
      socket.destroy();
      done(answer.toString('latin1').split('\r\n')[0] ?? '');
    });
  });
}

test('whoever has no token is told so before what he sends is kept', async () => {
  for (const path of ['/agent/v1/exchange', '/agent/v1/checkpoints', '/api/v1/runs', '/router/v1/sync'])
    expect(await askWithoutBody(path), path).toContain(' 401 ');
  expect(await askWithoutBody('/hooks/generic')).toContain(' 400 ');
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
  return [answer.status, document.code ?? document.checks ?? document.items ?? null];
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
  expect(await ask('/api/v1/runs')).toEqual([200, []]);
});

test('a blob store that is away, and a duty that was parked, are said to whoever asks the doctor', async () => {
  const advice = async () => (await ask('/api/v1/advice'))[1];
  expect(await advice()).toEqual([]);
  const blobs = join(folder, 'blobs');
  renameSync(blobs, `${blobs}.away`);
  expect(await advice()).toEqual([
    {
      subject: 'blob store',
      sentence: expect.stringMatching(/^the blob directory .* is not there; checkouts/),
    },
  ]);
  renameSync(`${blobs}.away`, blobs);
  await database.query("INSERT INTO duty (kind, id, parked) VALUES ('poll', 'shop', 'nothing has no name')");
  expect(await advice()).toEqual([
    {
      subject: 'poll shop',
      sentence: expect.stringMatching(/rests until a controller starts: nothing has no name$/),
    },
  ]);
});

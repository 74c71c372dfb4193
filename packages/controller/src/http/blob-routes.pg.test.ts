import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import fastify from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDirectoryStore } from '../blob/directory-store.ts';
import type { Services } from '../services.ts';
import { blobRoutes } from './blob-routes.ts';

let server: TestServer;
let folder: string;
beforeAll(async () => {
  server = await startTestServer();
  folder = mkdtempSync(join(tmpdir(), 'holdfast-blobs-'));
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a blob that was lost or damaged is found out when it is fetched, and is asked for again', async () => {
  const app = fastify({ forceCloseConnections: true });
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
  const database = await server.database();
  const blobs = await openDirectoryStore(folder);
  blobRoutes(app, { database, blobs } as unknown as Services);
  await app.listen({ port: 0, host: '127.0.0.1' });
  try {
    const call = (path: string, how: RequestInit = {}) =>
      fetch(`http://127.0.0.1:${(app.server.address() as { port: number }).port}/agent/v1/blobs${path}`, how);
    const put = async () => {
      const headers = { 'content-type': 'application/octet-stream' };
      const answer = await call('', { method: 'PUT', headers, body: 'part of a workspace' });
      return ((await answer.json()) as { digest: string }).digest;
    };
    const missing = async () => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ digests: [digest] });
      return (
        (await (await call('/missing', { method: 'POST', headers, body })).json()) as { missing: string[] }
      ).missing;
    };
    const fetched = () =>
      call(`/${digest}`).then(
        (answer) => (answer.ok ? answer.text() : 'refused'),
        () => 'broken',
      );
    const digest = await put();
    expect(await fetched()).toBe('part of a workspace');
    expect(await missing()).toEqual([]);

    await blobs.remove(digest);
    expect(await missing()).toEqual([]);
    expect(await fetched()).toBe('refused');
    expect(await missing()).toEqual([digest]);
    await put();
    expect(await missing()).toEqual([]);

    const hex = digest.slice('sha256:'.length);
    const place = join(folder, 'sha256', hex.slice(0, 2));
    writeFileSync(join(place, readdirSync(place)[0] as string), 'part of a w0rkspace');
    await fetched().catch(() => 'broken');
    await expect.poll(missing).toEqual([digest]);
    await put();
    expect(await fetched()).toBe('part of a workspace');
  } finally {
    await app.close();
  }
});

import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { blobContract } from '@holdfast/testkit/blob-contract.ts';
import { type S3Process, startS3 } from '@holdfast/testkit/s3-process.ts';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { textStream } from './directory-store.ts';
import { s3Store } from './s3-store.ts';

/** Against a real server process that speaks S3 over HTTP (s3rver). */
let root: string;
let server: S3Process;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-s3-'));
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'S3RVER');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'S3RVER');
  server = await startS3(join(root, 'server'));
}, 30_000);
afterAll(async () => {
  await server.stop();
  rmSync(root, { recursive: true, force: true });
});

const place = () => ({
  bucket: 'blobs',
  prefix: 'team/',
  endpoint: server.endpoint,
  drafts: join(root, 'drafts'),
});

describe('S3 keeps the contract of a blob store', () => {
  blobContract(async () => ({
    store: s3Store(place()),
    damage: async (digest) => {
      const client = new S3Client({ endpoint: server.endpoint, forcePathStyle: true, region: 'us-east-1' });
      await client.send(
        new PutObjectCommand({ Bucket: 'blobs', Key: `team/sha256/${digest.slice(7)}`, Body: 'hallo' }),
      );
      client.destroy();
    },
    drafts: async () => (existsSync(join(root, 'drafts')) ? readdirSync(join(root, 'drafts')) : []),
  }));
});

test('a store that is away is away, not empty, and is used again when it is back', async () => {
  const store = s3Store(place());
  const { digest } = await store.put(textStream('kept'), 100);
  await server.stop();
  await expect(store.has(digest)).rejects.toMatchObject({
    code: 'blobStoreUnavailable',
    kind: 'unavailable',
  });
  await expect(store.read(digest)).rejects.toMatchObject({ code: 'blobStoreUnavailable' });
  await expect(store.put(textStream('more'), 100)).rejects.toMatchObject({ code: 'blobStoreUnavailable' });
  server = await startS3(join(root, 'server'), server.port);
  expect(await store.has(digest)).toBe(true);
}, 60_000);

test('a server that takes the connection and says nothing is away, too', async () => {
  const mute = createServer(() => {}).listen(0, '127.0.0.1');
  await new Promise((done) => mute.once('listening', done));
  const { port } = mute.address() as { port: number };
  const store = s3Store({ ...place(), endpoint: `http://127.0.0.1:${port}` });
  const asked = store.has(`sha256:${'0'.repeat(64)}`);
  await expect(asked).rejects.toMatchObject({
    code: 'blobStoreUnavailable',
  });
  mute.close();
}, 60_000);

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobContract } from '@holdfast/testkit/blob-contract.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDirectoryStore, textStream } from './directory-store.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-blobs-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('a directory keeps the contract of a blob store', () => {
  blobContract(async () => ({
    store: await openDirectoryStore(root),
    damage: async (digest) => {
      const path = join(root, 'sha256', digest.slice(7, 9), digest.slice(7));
      writeFileSync(path, readFileSync(path, 'utf8').replace('e', 'a'));
    },
    drafts: async () => readdirSync(join(root, 'drafts')),
  }));
});

test.each([
  { gone: 'is not there', leave: () => {} },
  { gone: 'is an empty mount point', leave: () => mkdirSync(root) },
  { gone: 'cannot be read', leave: () => writeFileSync(root, '') },
])('a directory that $gone is an outage, and no store without blobs', async ({ leave }) => {
  const store = await openDirectoryStore(root);
  const { digest } = await store.put(textStream('hello'), 100);
  const kept = `${root}.away`;
  renameSync(root, kept);
  leave();
  const outage = { code: 'blobStoreUnavailable' };
  await expect(store.read(digest)).rejects.toMatchObject(outage);
  await expect(store.has(digest)).rejects.toMatchObject(outage);
  await expect(store.put(textStream('more'), 100)).rejects.toMatchObject(outage);
  rmSync(root, { recursive: true, force: true });
  renameSync(kept, root);
  expect(await store.has(digest)).toBe(true);
});

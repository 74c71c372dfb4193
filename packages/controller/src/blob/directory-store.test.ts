import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { directoryStore, textStream } from './directory-store.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-blobs-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function textOf(store: ReturnType<typeof directoryStore>, digest: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of (await store.read(digest)).stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

test('bytes are named by what arrived, and the same bytes are one blob', async () => {
  const store = directoryStore(root);
  const one = await store.put(textStream('hello'), 100);
  expect(one).toEqual({
    digest: 'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    bytes: 5,
  });
  expect(await store.put(textStream('hello'), 100)).toEqual(one);
  expect(await textOf(store, one.digest)).toBe('hello');
  expect(readdirSync(join(root, 'drafts'))).toEqual([]);
});

test('a changed byte is found while it is read', async () => {
  const store = directoryStore(root);
  const { digest } = await store.put(textStream('hello'), 100);
  const path = join(root, 'sha256', '2c', digest.slice(7));
  writeFileSync(path, readFileSync(path, 'utf8').replace('e', 'a'));
  await expect(textOf(store, digest)).rejects.toMatchObject({ code: 'artifactTampered' });
});

test('too much is refused and leaves nothing behind', async () => {
  const store = directoryStore(root);
  await expect(store.put(textStream('hello'), 3)).rejects.toMatchObject({ code: 'limitExceeded' });
  expect(readdirSync(join(root, 'drafts'))).toEqual([]);
});

test('a name that is no digest reaches no file', async () => {
  await expect(directoryStore(root).read('sha256:../../etc/passwd')).rejects.toMatchObject({
    code: 'requestInvalid',
  });
  await expect(directoryStore(root).read(`sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({
    code: 'blobUnknown',
  });
});

import { Readable } from 'node:stream';
import { expect, test } from 'vitest';

/** The controller's port for blobs, as far as the suite needs it. */
interface BlobStore {
  put(bytes: Readable, limit: number): Promise<{ readonly digest: string; readonly bytes: number }>;
  read(digest: string): Promise<{ readonly stream: Readable; readonly bytes: number }>;
  has(digest: string): Promise<boolean>;
  remove(digest: string): Promise<void>;
}

/** What every blob store does; `damage` changes a stored byte behind its back. */
export interface BlobWorld {
  readonly store: BlobStore;
  damage(digest: string): Promise<void>;
  drafts(): Promise<readonly string[]>;
}

const textStream = (text: string) => Readable.from([Buffer.from(text)]);

async function textOf(store: BlobStore, digest: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of (await store.read(digest)).stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

export function blobContract(open: () => Promise<BlobWorld>): void {
  test('bytes are named by what arrived, and the same bytes are one blob', async () => {
    const { store, drafts } = await open();
    const one = await store.put(textStream('hello'), 100);
    expect(one).toEqual({
      digest: 'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
      bytes: 5,
    });
    expect(await store.put(textStream('hello'), 100)).toEqual(one);
    expect(await textOf(store, one.digest)).toBe('hello');
    expect(await drafts()).toEqual([]);
  });

  test('a changed byte is found while it is read', async () => {
    const { store, damage } = await open();
    const { digest } = await store.put(textStream('hello'), 100);
    await damage(digest);
    await expect(textOf(store, digest)).rejects.toMatchObject({ code: 'artifactTampered' });
  });

  test('too much is refused and leaves nothing behind', async () => {
    const { store, drafts } = await open();
    await expect(store.put(textStream('hello'), 3)).rejects.toMatchObject({ code: 'limitExceeded' });
    expect(await drafts()).toEqual([]);
  });

  test('a name that is no digest reaches nothing, and a removed blob is gone', async () => {
    const { store } = await open();
    await expect(store.read('sha256:../../etc/passwd')).rejects.toMatchObject({ code: 'requestInvalid' });
    const { digest } = await store.put(textStream('gone'), 100);
    await store.remove(digest);
    await store.remove(digest);
    expect(await store.has(digest)).toBe(false);
    await expect(store.read(digest)).rejects.toMatchObject({ code: 'blobUnknown' });
  });
}

import { createReadStream, existsSync, type Stats } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import type { BlobStore, StoredBlob } from './blob-store.ts';
import { sweepDrafts, writeDraft } from './draft.ts';
import { hexOf, verifyStream } from './verify-stream.ts';

/**
 * Blobs as files named by their digest. Written under a temporary name, synced, renamed, and the
 * folder synced, so that a name always stands for whole, durable bytes.
 *
 * The folder of blobs is made here and never again: without it the directory is a mount that went
 * away, which is an outage, and not an empty store to be begun anew.
 */
export async function openDirectoryStore(root: string): Promise<BlobStore> {
  await mkdir(blobFolder(root), { recursive: true, mode: 0o700 });
  return {
    put: (bytes, limit) => put(root, bytes, limit),
    read: (digest) => read(root, digest),
    has: async (digest) => (await find(root, digest)) !== null,
    remove: (digest) => rm(pathOf(root, digest), { force: true }),
    sweepDrafts: (olderThanMs) => sweepDrafts(join(root, 'drafts'), olderThanMs),
  };
}

function blobFolder(root: string): string {
  return join(root, 'sha256');
}

function isThere(root: string): boolean {
  return existsSync(blobFolder(root));
}

function away(root: string, cause?: unknown): HoldfastError {
  const code = systemCode(cause);
  const why = code === undefined || code === 'ENOENT' ? 'is not there' : `cannot be read (${code})`;
  return new HoldfastError('blobStoreUnavailable', `the blob directory ${root} ${why}`, { cause });
}

/** null: the store is there, and has no such blob. */
async function find(root: string, digest: string): Promise<Stats | null> {
  const path = pathOf(root, digest);
  try {
    return await stat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' && isThere(root)) return null;
    throw away(root, error);
  }
}

function pathOf(root: string, digest: string): string {
  const hex = hexOf(digest);
  return join(blobFolder(root), hex.slice(0, 2), hex);
}

async function put(root: string, bytes: Readable, limit: number): Promise<StoredBlob> {
  if (!isThere(root)) throw away(root);
  const draft = join(root, 'drafts', newId());
  try {
    const written = await writeDraft(draft, bytes, limit);
    await settle(draft, pathOf(root, written.digest));
    return written;
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw isThere(root) ? error : away(root, error);
  }
}

async function settle(draft: string, path: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { mode: 0o700 }).catch((error) => {
    if (systemCode(error) !== 'EEXIST') throw error;
  });
  await sync(draft);
  await rename(draft, path);
  await sync(folder);
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The stream fails at its end when the bytes are not what their name says. */
async function read(
  root: string,
  digest: string,
): Promise<{ readonly stream: Readable; readonly bytes: number }> {
  const found = await find(root, digest);
  if (!found) throw new HoldfastError('blobUnknown', `there is no blob ${digest}`);
  const check = verifyStream(digest);
  const source = createReadStream(pathOf(root, digest));
  // Ends the file stream, too, when the reader goes away.
  pipeline(source, check).catch(() => {});
  return { stream: check, bytes: found.size };
}

export function textStream(text: string): Readable {
  return Readable.from([Buffer.from(text, 'utf8')]);
}

import { createReadStream, existsSync } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import type { BlobStore, StoredBlob } from './blob-store.ts';
import { sweepDrafts, writeDraft } from './draft.ts';
import { hexOf, verifyStream } from './verify-stream.ts';

/**
 * Blobs as files named by their digest. Written under a temporary name, synced, renamed, and the
 * folder synced, so that a name always stands for whole, durable bytes.
 */
export function directoryStore(root: string): BlobStore {
  return {
    put: async (bytes, limit) => put(present(root), bytes, limit),
    read: async (digest) => read(present(root), digest),
    has: async (digest) => existsSync(pathOf(present(root), digest)),
    remove: (digest) => rm(pathOf(root, digest), { force: true }),
    sweepDrafts: (olderThanMs) => sweepDrafts(join(root, 'drafts'), olderThanMs),
  };
}

/** A directory that is gone (a mount that went away) is an outage, not an empty store to be begun anew. */
function present(root: string): string {
  if (existsSync(root)) return root;
  throw new HoldfastError('blobStoreUnavailable', `the blob directory ${root} is not there`);
}

function pathOf(root: string, digest: string): string {
  const hex = hexOf(digest);
  return join(root, 'sha256', hex.slice(0, 2), hex);
}

async function put(root: string, bytes: Readable, limit: number): Promise<StoredBlob> {
  const draft = join(root, 'drafts', newId());
  try {
    const written = await writeDraft(draft, bytes, limit);
    await settle(draft, pathOf(root, written.digest));
    return written;
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

async function settle(draft: string, path: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
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
  const path = pathOf(root, digest);
  const found = await stat(path).catch(() => null);
  if (!found) throw new HoldfastError('blobUnknown', `there is no blob ${digest}`);
  const check = verifyStream(digest);
  const source = createReadStream(path);
  // Ends the file stream, too, when the reader goes away.
  pipeline(source, check).catch(() => {});
  return { stream: check, bytes: found.size };
}

export function textStream(text: string): Readable {
  return Readable.from([Buffer.from(text, 'utf8')]);
}

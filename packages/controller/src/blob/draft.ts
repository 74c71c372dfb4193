import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import type { StoredBlob } from './blob-store.ts';

/** Half-written leftovers of writers that crashed. */
export async function sweepDrafts(folder: string, olderThanMs: number): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const found = await stat(join(folder, name)).catch(() => null);
    if (found && Date.now() - found.mtimeMs > olderThanMs) await rm(join(folder, name), { force: true });
  }
}

/** Bytes of unknown length on their way in: kept in a file until their name is known. */
export async function writeDraft(draft: string, bytes: Readable, limit: number): Promise<StoredBlob> {
  await mkdir(dirname(draft), { recursive: true, mode: 0o700 });
  const hash = createHash('sha256');
  let length = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      length += chunk.length;
      hash.update(chunk);
      done(length > limit ? new HoldfastError('limitExceeded', `more than ${limit} bytes`) : null, chunk);
    },
  });
  try {
    await pipeline(bytes, meter, createWriteStream(draft, { mode: 0o600 }));
    return { digest: `sha256:${hash.digest('hex')}`, bytes: length };
  } catch (error) {
    throw systemCode(error) === 'ENOSPC'
      ? new HoldfastError('diskFull', 'the blob store has no space left', { cause: error })
      : error;
  }
}

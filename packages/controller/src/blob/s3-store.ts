import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import type { BlobStore } from './blob-store.ts';
import { sweepDrafts, writeDraft } from './draft.ts';
import { hexOf, verifyStream } from './verify-stream.ts';

/**
 * Blobs as objects of an S3-compatible store, named by their digest. Bytes wait in a local draft until
 * their name is known, so an object is whole from the moment it exists. Credentials and region come
 * the SDK's usual ways. A store that is away is `blobStoreUnavailable`, never "there is no such blob".
 */
export interface S3Place {
  readonly bucket: string;
  readonly prefix: string;
  /** null: AWS itself. */
  readonly endpoint: string | null;
  readonly drafts: string;
}

const TRIES = 2;
const CONNECT_MS = 2_000;
const SILENCE_MS = 5_000;

export function s3Store({ bucket, prefix, endpoint, drafts }: S3Place): BlobStore {
  const client = new S3Client({
    maxAttempts: TRIES,
    // Silence on the socket, not the length of the transfer: a large object may take its time.
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
    // Our names are checksums already, and not every store knows the newer trailers.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(endpoint ? { endpoint, forcePathStyle: true } : {}),
    ...(process.env.AWS_REGION ? {} : { region: 'us-east-1' }),
  });
  const at = (digest: string) => ({ Bucket: bucket, Key: `${prefix}sha256/${hexOf(digest)}` });
  const has = async (digest: string) => {
    const where = at(digest);
    try {
      await client.send(new HeadObjectCommand(where));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw away(error);
    }
  };
  return {
    has,
    put: async (bytes, limit) => {
      const draft = join(drafts, newId());
      try {
        const written = await writeDraft(draft, bytes, limit);
        // Sent even when there is such an object: it may be damaged, and whoever asked first sent nothing.
        await send(client, { ...at(written.digest), draft, bytes: written.bytes });
        return written;
      } finally {
        await rm(draft, { force: true });
      }
    },
    read: async (digest) => {
      const where = at(digest);
      const found = await client.send(new GetObjectCommand(where)).catch((error: unknown) => {
        throw isMissing(error) ? new HoldfastError('blobUnknown', `there is no blob ${digest}`) : away(error);
      });
      const check = verifyStream(digest);
      // Ends the answer, too, when the reader goes away.
      pipeline(found.Body as Readable, check).catch(() => {});
      return { stream: check, bytes: found.ContentLength ?? 0 };
    },
    remove: async (digest) => {
      const where = at(digest);
      await client.send(new DeleteObjectCommand(where)).catch((error: unknown) => {
        if (!isMissing(error)) throw away(error);
      });
    },
    sweepDrafts: (olderThanMs) => sweepDrafts(drafts, olderThanMs),
  };
}

async function send(
  client: S3Client,
  object: { readonly Bucket: string; readonly Key: string; readonly draft: string; readonly bytes: number },
): Promise<void> {
  const { draft, bytes, ...where } = object;
  try {
    await client.send(
      new PutObjectCommand({ ...where, Body: createReadStream(draft), ContentLength: bytes }),
    );
  } catch (error) {
    throw away(error);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404;
}

/** What S3 says may hold signatures and keys: only the kind of failure is passed on. */
function away(error: unknown): HoldfastError {
  const name = error instanceof Error ? error.name : 'unknown';
  return new HoldfastError('blobStoreUnavailable', `the blob store does not answer as it should (${name})`);
}

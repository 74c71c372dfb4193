import type { Readable } from 'node:stream';

/** Content-addressed bytes. Adapters: directory (here), S3 later; one contract suite in testkit. */
export interface StoredBlob {
  readonly digest: string;
  readonly bytes: number;
}

export interface BlobStore {
  /** Stores and names the bytes by what was received. Refuses with limitExceeded, diskFull. */
  put(bytes: Readable, limit: number): Promise<StoredBlob>;
  /** Refuses with blobUnknown; the stream errors with artifactTampered when the bytes changed. */
  read(digest: string): Promise<{ readonly stream: Readable; readonly bytes: number }>;
  has(digest: string): Promise<boolean>;
  remove(digest: string): Promise<void>;
  /** Half-written leftovers of crashed writers. */
  sweepDrafts(olderThanMs: number): Promise<void>;
}

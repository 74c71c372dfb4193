import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { ControllerClient } from '../link/controller-client.ts';
import { type ChunkKey, chunksOf } from './chunks.ts';

/** Streams in and out of the blob store as sealed chunks; what the store has already is not sent again. */
export type ChunkClient = Pick<ControllerClient, 'getBlob' | 'putBlob' | 'missingBlobs'>;

const AT_ONCE = 8;

export class ChunkStore {
  private readonly client: ChunkClient;
  private readonly key: ChunkKey;

  constructor(client: ChunkClient, key: ChunkKey) {
    this.client = client;
    this.key = key;
  }

  /** The digests of the chunks, in order. */
  async write(stream: Readable): Promise<readonly string[]> {
    const digests: string[] = [];
    let batch: { readonly digest: string; readonly bytes: Buffer }[] = [];
    for await (const plain of chunksOf(stream)) {
      const bytes = await this.key.seal(plain);
      batch.push({ digest: digestOf(bytes), bytes });
      if (batch.length < AT_ONCE) continue;
      digests.push(...(await this.send(batch)));
      batch = [];
    }
    return [...digests, ...(await this.send(batch))];
  }

  /** Fetched ahead, given out in order. */
  read(digests: readonly string[]): Readable {
    return Readable.from(this.opened(digests));
  }

  private async *opened(digests: readonly string[]): AsyncGenerator<Buffer> {
    const ahead: Promise<Buffer>[] = [];
    for (let next = 0; next < digests.length || ahead.length > 0; ) {
      while (next < digests.length && ahead.length < AT_ONCE) {
        const fetching = this.fetch(digests[next] as string);
        fetching.catch(() => {});
        ahead.push(fetching);
        next += 1;
      }
      yield await (ahead.shift() as Promise<Buffer>);
    }
  }

  private async fetch(digest: string): Promise<Buffer> {
    return this.key.open(await wholeBody(await this.client.getBlob(digest)));
  }

  private async send(
    batch: readonly { readonly digest: string; readonly bytes: Buffer }[],
  ): Promise<readonly string[]> {
    const digests = batch.map((chunk) => chunk.digest);
    const missing = new Set(digests.length > 0 ? await this.client.missingBlobs(digests) : []);
    await Promise.all(
      batch
        .filter((chunk) => missing.has(chunk.digest))
        .map((chunk) => this.client.putBlob(() => Readable.from([chunk.bytes]))),
    );
    return digests;
  }
}

/** A body that breaks off says nothing about the bytes in the store. */
async function wholeBody(body: ReadableStream<Uint8Array>): Promise<Buffer> {
  try {
    return Buffer.from(await new Response(body).arrayBuffer());
  } catch (cause) {
    throw new HoldfastError('controllerUnreachable', 'the controller went away while it was sending', {
      cause,
    });
  }
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

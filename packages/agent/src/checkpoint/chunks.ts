import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';

/**
 * A stream cut where its content says so (a gear hash), so that what is equal in two streams makes
 * equal chunks; each is compressed and sealed under the repository's key. The nonce is taken from the
 * content under that key (a synthetic IV): equal content gives equal bytes for whoever has the key, so
 * chunks are stored once a repository, and nobody else learns that they are equal.
 */
const LEAST = 256 * 1024;
const MOST = 4 * 1024 * 1024;
/** A cut about every mebibyte beyond the least size. */
const MASK = (1 << 20) - 1;
const VERSION = 1;
const NONCE = 12;
const TAG = 16;

const GEAR = gearTable();

/** The table is part of the format: other numbers would cut elsewhere and find nothing again. */
function gearTable(): Uint32Array {
  const table = new Uint32Array(256);
  let state = 0x2545f491;
  for (let index = 0; index < 256; index += 1) {
    for (let round = 0; round < 3; round += 1) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
    }
    table[index] = state >>> 0;
  }
  return table;
}

export async function* chunksOf(stream: Readable): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let size = 0;
  let hash = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = 0; at < piece.length; at += 1) {
      hash = ((hash << 1) + (GEAR[piece[at] as number] as number)) | 0;
      const length = size + at - from + 1;
      if (length < LEAST || ((hash & MASK) !== 0 && length < MOST)) continue;
      yield Buffer.concat([...held, piece.subarray(from, at + 1)]);
      held = [];
      size = 0;
      hash = 0;
      from = at + 1;
    }
    if (from < piece.length) held.push(piece.subarray(from));
    size += piece.length - from;
  }
  if (size > 0) yield Buffer.concat(held);
}

export class ChunkKey {
  private readonly cipher: Buffer;
  private readonly nonce: Buffer;

  /** 32 bytes that belong to one repository. */
  constructor(secret: Buffer) {
    const derive = (purpose: string) => Buffer.from(hkdfSync('sha256', secret, '', purpose, 32));
    this.cipher = derive('chunk cipher');
    this.nonce = derive('chunk nonce');
  }

  async seal(plain: Buffer): Promise<Buffer> {
    const packed = await promisify(zstdCompress)(plain);
    const nonce = createHmac('sha256', this.nonce).update(packed).digest().subarray(0, NONCE);
    const cipher = createCipheriv('aes-256-gcm', this.cipher, nonce);
    const body = Buffer.concat([cipher.update(packed), cipher.final()]);
    return Buffer.concat([Buffer.from([VERSION]), nonce, cipher.getAuthTag(), body]);
  }

  /** Throws when the bytes are not what was sealed under this key. */
  async open(sealed: Buffer): Promise<Buffer> {
    if (sealed[0] !== VERSION) throw new Error(`a chunk of version ${sealed[0]} is not known here`);
    const nonce = sealed.subarray(1, 1 + NONCE);
    const decipher = createDecipheriv('aes-256-gcm', this.cipher, nonce);
    decipher.setAuthTag(sealed.subarray(1 + NONCE, 1 + NONCE + TAG));
    const packed = Buffer.concat([decipher.update(sealed.subarray(1 + NONCE + TAG)), decipher.final()]);
    return promisify(zstdDecompress)(packed);
  }
}

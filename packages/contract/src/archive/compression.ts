import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress, createZstdDecompress } from 'node:zlib';

/**
 * zstd on the way in and out. An error of the source (a controller that dies, a file that vanishes)
 * becomes an error of what is returned; a bare pipe would leave it to end the process.
 */
export function compressed(source: Readable): Readable {
  const out = createZstdCompress();
  pipeline(source, out).catch((error: Error) => out.destroy(error));
  return out;
}

export function decompressed(body: ReadableStream<Uint8Array>): Readable {
  const out = createZstdDecompress();
  pipeline(Readable.fromWeb(body as never), out).catch((error: Error) => out.destroy(error));
  return out;
}

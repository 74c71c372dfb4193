import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Layout } from './layout.ts';

/**
 * Where artifacts and checkpoints are kept. Said once it is remembered: with another store the releases that are there
 * could not be started again, and nobody would know why.
 *
 * @throws HoldfastError usageInvalid, when it is another place than before.
 */
export function placeOfBlobs(layout: Layout, said: string | undefined): string {
  if (said === '')
    throw new HoldfastError(
      'usageInvalid',
      'expected --blobs DIRECTORY or s3://BUCKET/PREFIX, found nothing',
    );
  const wanted = said === undefined || said.startsWith('s3:') ? said : resolve(said);
  const known = existsSync(layout.blobsFile)
    ? readFileSync(layout.blobsFile, 'utf8').trim()
    : existsSync(layout.blobs)
      ? layout.blobs
      : null;
  const place = wanted ?? known ?? layout.blobs;
  if (known !== null && known !== place)
    throw new HoldfastError(
      'usageInvalid',
      `expected --blobs ${known}, where this data directory's artifacts are, found ${place}; to move them, copy them there while nothing runs, write the new place to ${layout.blobsFile}, and leave --blobs out`,
    );
  if (place !== layout.blobs && known === null) {
    mkdirSync(layout.root, { recursive: true, mode: 0o700 });
    writeFileSync(layout.blobsFile, `${place}\n`, { mode: 0o600 });
  }
  return place;
}

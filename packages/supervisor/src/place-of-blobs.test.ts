import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { layoutOf } from './layout.ts';
import { placeOfBlobs } from './place-of-blobs.ts';

function fresh() {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-place-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return layoutOf(join(root, 'data'));
}

test('a place that was said is the place from then on', () => {
  const layout = fresh();
  expect(placeOfBlobs(layout, 's3://blobs/team')).toBe('s3://blobs/team');
  expect(placeOfBlobs(layout, undefined)).toBe('s3://blobs/team');
  expect(placeOfBlobs(layout, 's3://blobs/team')).toBe('s3://blobs/team');
  expect(() => placeOfBlobs(layout, 's3://blobs/other')).toThrow('expected --blobs s3://blobs/team');
});

test('blobs that lie in the data directory are not left behind', () => {
  const layout = fresh();
  expect(placeOfBlobs(layout, undefined)).toBe(layout.blobs);
  mkdirSync(layout.blobs, { recursive: true });
  expect(() => placeOfBlobs(layout, 's3://blobs/team')).toThrow(`expected --blobs ${layout.blobs}`);
  writeFileSync(layout.blobsFile, 's3://blobs/team\n');
  expect(placeOfBlobs(layout, undefined)).toBe('s3://blobs/team');
});

test('an empty word is no place', () => {
  expect(() => placeOfBlobs(fresh(), '')).toThrow('found nothing');
});

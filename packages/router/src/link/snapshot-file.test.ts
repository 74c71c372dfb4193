import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_ACCESS, type Snapshot } from '@holdfast/core/traffic/traffic.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSnapshotFile, writeSnapshotFile } from './snapshot-file.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-snapshot-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const snapshot = (revision: number): Snapshot => ({
  environment: 'shop/production',
  generation: 1,
  revision,
  sticky: { kind: 'none' },
  drainDeadlineMs: 1_000,
  access: NO_ACCESS,
  groups: [],
});

test('what was written is read again, and nothing else is left', async () => {
  const path = join(folder, 'data', 'snapshot.json');
  await writeSnapshotFile(path, snapshot(1));
  expect(readSnapshotFile(path)).toEqual(snapshot(1));
  expect(readdirSync(join(folder, 'data'))).toEqual(['snapshot.json']);
});

test('an older snapshot never replaces a newer one', async () => {
  const path = join(folder, 'snapshot.json');
  await writeSnapshotFile(path, snapshot(2));
  await writeSnapshotFile(path, snapshot(1));
  expect(readSnapshotFile(path)).toEqual(snapshot(2));
});

test('a half-written file counts as none and is replaced', async () => {
  const path = join(folder, 'snapshot.json');
  writeFileSync(path, '{"environment":');
  expect(readSnapshotFile(path)).toBeNull();
  await writeSnapshotFile(path, snapshot(1));
  expect(readSnapshotFile(path)).toEqual(snapshot(1));
});

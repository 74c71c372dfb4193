import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { jobFolder, makeJobFolder } from '../job/job-folder.ts';
import { freshState } from '../job/job-state.ts';
import { Checkpoints } from './checkpoint.ts';
import { ChunkStore } from './chunk-store.ts';
import { ChunkKey, chunksOf } from './chunks.ts';
import { compareScans, scanTree } from './scan.ts';

const KEY = Buffer.alloc(32, 7);
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-checkpoint-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** The blob store's contract in memory: what is put is read by its digest. */
function blobs() {
  const kept = new Map<string, Buffer>();
  return {
    kept,
    putBlob: async (bytes: () => Readable) => {
      const chunks: Buffer[] = [];
      for await (const chunk of bytes()) chunks.push(chunk as Buffer);
      const whole = Buffer.concat(chunks);
      const digest = `sha256:${createHash('sha256').update(whole).digest('hex')}`;
      kept.set(digest, whole);
      return digest;
    },
    missingBlobs: async (digests: readonly string[]) => digests.filter((digest) => !kept.has(digest)),
    keepCheckpoint: async () => {},
    getBlob: async (digest: string) =>
      new Blob([new Uint8Array(kept.get(digest) ?? Buffer.alloc(0))]).stream(),
  };
}

test('another agent in another place gets what the next step can see', async () => {
  const store = blobs();
  const here = jobFolder(join(root, 'one'), 'job');
  await makeJobFolder(here, null);
  const checkpoints = new Checkpoints({ folder: here, client: store, key: KEY, user: null });
  mkdirSync(join(here.work, 'src'));
  writeFileSync(join(here.work, 'src', 'a.txt'), 'one');
  writeFileSync(join(here.work, 'gone.txt'), 'soon deleted');
  writeFileSync(join(here.work, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  symlinkSync('src/a.txt', join(here.work, 'link'));
  await checkpoints.save({ ...freshState(here.root), next: 1 });
  writeFileSync(join(here.work, 'src', 'a.txt'), 'two');
  rmSync(join(here.work, 'gone.txt'));
  writeFileSync(join(here.home, '.profile'), 'x');
  const last = await checkpoints.save({
    ...freshState(here.root),
    next: 2,
    env: { TOOL: join(here.home, 'tool') },
    path: [join(here.work, 'bin')],
  });

  const there = jobFolder(join(root, 'two'), 'job');
  await makeJobFolder(there, null);
  const state = await new Checkpoints({ folder: there, client: store, key: KEY, user: null }).restore(
    last ?? '',
  );
  expect(readFileSync(join(there.work, 'link'), 'utf8')).toBe('two');
  expect(readlinkSync(join(there.work, 'link'))).toBe('src/a.txt');
  expect(statSync(join(there.work, 'run.sh')).mode & 0o777).toBe(0o755);
  expect(existsSync(join(there.work, 'gone.txt'))).toBe(false);
  expect(readFileSync(join(there.home, '.profile'), 'utf8')).toBe('x');
  expect(state).toMatchObject({
    next: 2,
    env: { TOOL: join(there.home, 'tool') },
    path: [join(there.work, 'bin')],
  });
});

test('a step that changed nothing costs no layer', async () => {
  const store = blobs();
  const here = jobFolder(join(root, 'one'), 'job');
  await makeJobFolder(here, null);
  writeFileSync(join(here.work, 'a'), 'x'.repeat(10_000));
  const checkpoints = new Checkpoints({ folder: here, client: store, key: KEY, user: null });
  await settled();
  await checkpoints.save(freshState(here.root));
  const before = store.kept.size;
  await checkpoints.save({ ...freshState(here.root), next: 1 });
  // Only the manifest is new.
  expect(store.kept.size).toBe(before + 1);
});

/** Until what was written is no longer racy. */
const settled = () => sleep(60);

async function folderOf(name: string) {
  const folder = jobFolder(join(root, name), 'job');
  await makeJobFolder(folder, null);
  return folder;
}

test('what is stored says nothing without the key, and another key opens nothing', async () => {
  const store = blobs();
  const here = await folderOf('one');
  writeFileSync(join(here.work, 'secret.txt'), 'the launch code is 0000 '.repeat(100));
  const saved = await new Checkpoints({ folder: here, client: store, key: KEY, user: null }).save(
    freshState(here.root),
  );
  for (const bytes of store.kept.values()) {
    expect(bytes.includes('launch')).toBe(false);
    expect(bytes.includes('secret.txt')).toBe(false);
  }
  const there = await folderOf('two');
  const other = new Checkpoints({ folder: there, client: store, key: Buffer.alloc(32, 8), user: null });
  await expect(other.restore(saved ?? '')).rejects.toThrow();
});

test('a chunk that was changed is not restored', async () => {
  const store = blobs();
  const here = await folderOf('one');
  writeFileSync(join(here.work, 'a'), 'a');
  const saved = await new Checkpoints({ folder: here, client: store, key: KEY, user: null }).save(
    freshState(here.root),
  );
  for (const bytes of store.kept.values()) bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  const there = new Checkpoints({ folder: await folderOf('two'), client: store, key: KEY, user: null });
  await expect(there.restore(saved ?? '')).rejects.toThrow();
});

test('a large file that grew in its middle is stored by its difference', async () => {
  const store = blobs();
  const chunks = new ChunkStore(store, new ChunkKey(KEY));
  const bytes = randomBytes(24 * 1024 * 1024);
  const first = await chunks.write(Readable.from([bytes]));
  const grown = Buffer.concat([
    bytes.subarray(0, 9_000_000),
    Buffer.from('inserted'),
    bytes.subarray(9_000_000),
  ]);
  const second = await chunks.write(Readable.from([grown]));
  const fresh = second.filter((digest) => !first.includes(digest));
  expect(first.length).toBeGreaterThan(8);
  expect(fresh.length).toBeLessThanOrEqual(2);
  const back: Buffer[] = [];
  for await (const piece of chunks.read(second)) back.push(piece as Buffer);
  expect(Buffer.concat(back).equals(grown)).toBe(true);
});

test('chunks do not depend on how the stream came in pieces', async () => {
  const bytes = randomBytes(5_000_000);
  const sizes = async (pieces: Buffer[]) => {
    const found: number[] = [];
    for await (const chunk of chunksOf(Readable.from(pieces))) found.push(chunk.length);
    return found;
  };
  const whole = await sizes([bytes]);
  const cut = Array.from({ length: 500 }, (_, index) => bytes.subarray(index * 10_000, (index + 1) * 10_000));
  expect(await sizes(cut)).toEqual(whole);
});

test('a file changed while the clock stood still is looked at again', async () => {
  const here = await folderOf('one');
  writeFileSync(join(here.work, 'a'), '1');
  const before = scanTree(here.root, ['work']);
  const again = scanTree(here.root, ['work']);
  expect([...compareScans(before, again).changed]).toEqual(['work/a']);
  await settled();
  const calm = scanTree(here.root, ['work']);
  await settled();
  expect(compareScans(calm, scanTree(here.root, ['work'])).changed.size).toBe(0);
});

test('what the ignore file names is left out', async () => {
  const here = await folderOf('one');
  mkdirSync(join(here.work, '.holdfast'));
  mkdirSync(join(here.work, 'cache'));
  writeFileSync(join(here.work, '.holdfast', 'checkpoint-ignore'), 'cache/\n*.tmp\n');
  for (const file of ['cache/big', 'a.tmp', 'kept']) writeFileSync(join(here.work, file), 'x');
  const found = [...scanTree(here.root, ['work']).keys()];
  expect(found).toContain('work/kept');
  expect(found.filter((path) => path.includes('cache/') || path.endsWith('.tmp'))).toEqual([]);
});

test('saving is skipped where it would cost more than running again, and done when enough is at risk', async () => {
  const store = blobs();
  const here = await folderOf('one');
  writeFileSync(join(here.work, 'big'), randomBytes(64 * 1024 * 1024));
  const checkpoints = new Checkpoints({ folder: here, client: store, key: KEY, user: null });
  expect(await checkpoints.save(freshState(here.root), 50)).toBeNull();
  expect(store.kept.size).toBe(0);
  expect(await checkpoints.save(freshState(here.root), 60_000)).not.toBeNull();
});

test('a pipe in the place of the ignore file holds nobody up', async () => {
  const here = await folderOf('one');
  mkdirSync(join(here.work, '.holdfast'));
  execFileSync('mkfifo', [join(here.work, '.holdfast', 'checkpoint-ignore')]);
  expect([...scanTree(here.root, ['work']).keys()]).toContain('work/.holdfast');
});

test('what is restored never carries the right to run as somebody else', async () => {
  const store = blobs();
  const here = await folderOf('one');
  writeFileSync(join(here.work, 'tool'), 'x');
  chmodSync(join(here.work, 'tool'), 0o4755);
  const saved = await new Checkpoints({ folder: here, client: store, key: KEY, user: null }).save(
    freshState(here.root),
  );
  const there = await folderOf('two');
  await new Checkpoints({ folder: there, client: store, key: KEY, user: null }).restore(saved ?? '');
  expect(statSync(join(there.work, 'tool')).mode & 0o7777).toBe(0o755);
});

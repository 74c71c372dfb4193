import { createHash } from 'node:crypto';
import {
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
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { jobFolder, makeJobFolder } from '../job/job-folder.ts';
import { freshState } from '../job/job-state.ts';
import { Checkpoints } from './checkpoint.ts';

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
    getBlob: async (digest: string) =>
      new Blob([new Uint8Array(kept.get(digest) ?? Buffer.alloc(0))]).stream(),
  };
}

test('another agent in another place gets what the next step can see', async () => {
  const store = blobs();
  const here = jobFolder(join(root, 'one'), 'job');
  await makeJobFolder(here, null);
  const checkpoints = new Checkpoints(here, store, null);
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
  const state = await new Checkpoints(there, store, null).restore(last);
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
  const checkpoints = new Checkpoints(here, store, null);
  await checkpoints.save(freshState(here.root));
  const before = store.kept.size;
  await checkpoints.save({ ...freshState(here.root), next: 1 });
  // Only the manifest is new.
  expect(store.kept.size).toBe(before + 1);
});

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobContract } from '@holdfast/testkit/blob-contract.ts';
import { afterEach, beforeEach, describe } from 'vitest';
import { directoryStore } from './directory-store.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-blobs-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('a directory keeps the contract of a blob store', () => {
  blobContract(async () => ({
    store: directoryStore(root),
    damage: async (digest) => {
      const path = join(root, 'sha256', digest.slice(7, 9), digest.slice(7));
      writeFileSync(path, readFileSync(path, 'utf8').replace('e', 'a'));
    },
    drafts: async () => readdirSync(join(root, 'drafts')),
  }));
});

import { execFile } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What anybody would do instead: copy the tree, or pack it with tar and zstd. No peer syncs to disk. */
export interface PeerSeconds {
  readonly copy: number;
  readonly tarZstd: number;
  readonly tarZstdAllCores: number;
  readonly untarZstd: number;
  readonly packedMiB: number;
}

export async function measurePeers(tree: string, scratch: string): Promise<PeerSeconds> {
  mkdirSync(scratch);
  const packed = join(scratch, 'tree.tar.zst');
  const copy = await timed('cp', ['-a', tree, join(scratch, 'copy')]);
  const tarZstd = await shell('tar -C "$0" -cf - . | zstd -q -f -o "$1"', tree, packed);
  const tarZstdAllCores = await shell('tar -C "$0" -cf - . | zstd -q -f -T0 -o "$1"', tree, packed);
  const unpacked = join(scratch, 'unpacked');
  mkdirSync(unpacked);
  const untarZstd = await shell('zstd -q -d -c "$1" | tar -C "$0" -xf -', unpacked, packed);
  return { copy, tarZstd, tarZstdAllCores, untarZstd, packedMiB: statSync(packed).size / 1024 ** 2 };
}

/** Throws when the two trees differ in a name, a mode of a link, or a byte. */
export async function compareTrees(one: string, other: string): Promise<void> {
  await promisify(execFile)('diff', ['-rq', '--no-dereference', one, other]);
}

/** What was written before must not be written out during the next measurement. */
export async function settleDisk(): Promise<void> {
  await promisify(execFile)('sync');
}

function shell(script: string, ...words: readonly string[]): Promise<number> {
  return timed('bash', ['-o', 'pipefail', '-c', script, ...words]);
}

async function timed(command: string, words: readonly string[]): Promise<number> {
  await settleDisk();
  const startedAt = performance.now();
  await promisify(execFile)(command, words);
  return (performance.now() - startedAt) / 1000;
}

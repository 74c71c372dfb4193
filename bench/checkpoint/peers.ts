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

const PACKED = 'tree.tar.zst';

export async function measurePeers(tree: string, scratch: string): Promise<PeerSeconds> {
  mkdirSync(scratch);
  const packed = join(scratch, PACKED);
  const copy = await timed('cp', ['-a', tree, join(scratch, 'copy')]);
  const tarZstd = await shell('tar -C "$0" -cf - . | zstd -q -f -o "$1"', tree, packed);
  const tarZstdAllCores = await shell('tar -C "$0" -cf - . | zstd -q -f -T0 -o "$1"', tree, packed);
  const untarZstd = await measureUntar(scratch, 'before');
  return { copy, tarZstd, tarZstdAllCores, untarZstd, packedMiB: statSync(packed).size / 1024 ** 2 };
}

/** Of what `measurePeers` packed; asked twice, because a file system makes files at the pace of its state. */
export function measureUntar(scratch: string, name: string): Promise<number> {
  const unpacked = join(scratch, `unpacked-${name}`);
  mkdirSync(unpacked);
  return shell('zstd -q -d -c "$1" | tar -C "$0" -xf -', unpacked, join(scratch, PACKED));
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

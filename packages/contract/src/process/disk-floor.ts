import { statfs } from 'node:fs/promises';
import { formatBytes } from '@holdfast/core/kernel/quantity.ts';
import { readBytes } from './read-bytes.ts';

/**
 * The least a disk must have free before new work is begun on it. Work in hand goes on: it is what may
 * free something, and stopping it would lose it.
 */
const FLOOR_BYTES = 256 * 1024 ** 2;

export function readDiskFloor(variable: string, env: NodeJS.ProcessEnv): number {
  return readBytes(variable, env) ?? FLOOR_BYTES;
}

/** What is wrong in a sentence; null: there is room, or nobody can tell. */
export async function shortOfDisk(directory: string, floorBytes: number): Promise<string | null> {
  const found = await statfs(directory).catch(() => null);
  if (found === null) return null;
  const free = found.bavail * found.bsize;
  if (free >= floorBytes) return null;
  return `the disk of ${directory} has ${formatBytes(free)} free, below its floor of ${formatBytes(floorBytes)}`;
}

import { readFileSync } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { snapshot as schema } from '@holdfast/contract/router/protocol.ts';
import { compareVersion, type Snapshot } from '@holdfast/core/traffic/traffic.ts';

/** The last snapshot on disk: a router that starts without any controller routes by it. */
export function readSnapshotFile(path: string): Snapshot | null {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch {
    // None yet, or none that can be read: a controller gives one.
    return null;
  }
}

/**
 * Several workers write the same file: an older snapshot never replaces a newer one. In the
 * background, because users' requests would wait for the disk.
 */
export async function writeSnapshotFile(path: string, snapshot: Snapshot): Promise<void> {
  const known = parse(await readFile(path, 'utf8').catch(() => ''));
  if (known && compareVersion(known, snapshot) >= 0) return;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify(snapshot));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

function parse(text: string): Snapshot | null {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // Half-written by a power cut: a controller gives the next one.
    return null;
  }
}

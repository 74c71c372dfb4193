import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { snapshot as schema } from '@holdfast/contract/router/protocol.ts';
import { compareVersion, type Snapshot } from '@holdfast/core/traffic/traffic.ts';

/** The last snapshot on disk: a router that starts without any controller routes by it. */
export function readSnapshotFile(path: string): Snapshot | null {
  if (!existsSync(path)) return null;
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // Half-written by a power cut: a controller gives the next one.
    return null;
  }
}

/** Several workers write the same file: an older snapshot never replaces a newer one. */
export function writeSnapshotFile(path: string, snapshot: Snapshot): void {
  const known = readSnapshotFile(path);
  if (known && compareVersion(known, snapshot) >= 0) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  const handle = openSync(draft, 'w', 0o600);
  writeSync(handle, JSON.stringify(snapshot));
  fsyncSync(handle);
  closeSync(handle);
  renameSync(draft, path);
}

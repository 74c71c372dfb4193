import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { HoldfastError, systemCode } from '@holdfast/contract/errors.ts';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';
import type { Layout } from './layout.ts';

/** One supervisor a data directory. A lock whose owner is gone is taken over. */
export function takeLock(layout: Layout): () => void {
  makeFolder(layout.root);
  makeFolder(layout.shared);
  for (let tried = 0; tried < 2; tried += 1) {
    try {
      writeFileSync(layout.lock, `${process.pid} ${startTimeOf(process.pid)}\n`, { flag: 'wx', mode: 0o600 });
      return () => rmSync(layout.lock, { force: true });
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw unwritable(layout.root, error);
      const owner = lockOwner(layout);
      if (owner !== null)
        throw new HoldfastError(
          'dataDirectoryLocked',
          `${layout.root} is in use by another holdfast up (process ${owner}); stop it with: holdfast down --data ${layout.root}`,
        );
      rmSync(layout.lock, { force: true });
    }
  }
  throw new HoldfastError('dataDirectoryLocked', `${layout.root} was just taken by another holdfast up`);
}

export function lockOwner(layout: Layout): number | null {
  try {
    const [pid, startTime] = readFileSync(layout.lock, 'utf8').trim().split(' ');
    return startTimeOf(Number(pid)) === startTime ? Number(pid) : null;
  } catch {
    return null;
  }
}

function makeFolder(root: string): void {
  try {
    mkdirSync(root, { recursive: true });
    chmodSync(root, 0o711);
  } catch (error) {
    throw unwritable(root, error);
  }
}

function unwritable(root: string, cause: unknown): unknown {
  if (!['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(systemCode(cause) ?? '')) return cause;
  return new HoldfastError(
    'dataDirectoryUnwritable',
    `${root} cannot be written (${systemCode(cause)}); choose another directory with --data`,
    { cause },
  );
}

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/**
 * Reads a file that a step may have replaced: never through a link, never a pipe or a device, and
 * never more than the limit. The agent may be root; the step is not.
 */
export async function readStepFile(path: string, limitBytes: number): Promise<string> {
  const handle = await openStepFile(path);
  if (!handle) return '';
  try {
    const buffer = Buffer.alloc(Math.min(limitBytes, (await handle.stat()).size));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** 0: there is none. */
export async function sizeOfStepFile(path: string): Promise<number> {
  const handle = await openStepFile(path);
  if (!handle) return 0;
  try {
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}

/** null: there is none, or what is there is a link (also a hard one, to a file of somebody else), a pipe or a device. */
export async function openStepFile(path: string, how = constants.O_RDONLY) {
  const handle = await open(path, how | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null);
  if (!handle) return null;
  const found = await handle.stat();
  if (found.isFile() && found.nlink <= 1) return handle;
  await handle.close();
  return null;
}

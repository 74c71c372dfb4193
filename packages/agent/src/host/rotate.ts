import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { openStepFile } from '../steps/step-files.ts';

const OUTPUT_BYTES = 64 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;

/**
 * What an instance prints, cut off when it is long: one older part is kept. The shim appends, so the file stays the same.
 * It lies in the instance's folder and `older` in ours: the agent may be root, and the instance may have put a link there.
 */
export async function rotate(file: string, older: string, mostBytes = OUTPUT_BYTES): Promise<void> {
  const handle = await openStepFile(file, constants.O_RDWR);
  if (!handle) return;
  try {
    if ((await handle.stat()).size < mostBytes) return;
    // Where there is no room for an older part, there is all the more reason to cut.
    await copyTo(handle, older).catch(() => {});
    await handle.truncate(0);
  } finally {
    await handle.close();
  }
}

/** With a handle of its own: one that breaks off must not close what is cut next. */
async function copyTo(from: FileHandle, path: string): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  const to = await open(path, flags, 0o600);
  try {
    const buffer = Buffer.allocUnsafe(PIECE_BYTES);
    for (let at = 0; ; ) {
      const { bytesRead } = await from.read(buffer, 0, PIECE_BYTES, at);
      if (bytesRead === 0) return;
      await to.writeFile(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await to.close();
  }
}

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { openStepFile } from '../steps/step-files.ts';

const OUTPUT_BYTES = 64 * 1024 * 1024;

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

async function copyTo(from: Awaited<ReturnType<typeof open>>, path: string): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  const to = await open(path, flags, 0o600);
  await pipeline(from.createReadStream({ start: 0, autoClose: false }), to.createWriteStream());
}

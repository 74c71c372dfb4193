import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A file of a workspace, opened by an agent that may be root, while steps of another account change the workspace: it
 * is looked at where the opened file really lies, so that no link, however late it comes, leads out. null: there is no
 * such file inside. The caller closes it.
 */
export function openInside(workspace: string, path: string): number | null {
  let handle: number | undefined;
  try {
    const root = `${realpathSync(workspace)}/`;
    const full = join(workspace, path);
    if (!realpathSync(full).startsWith(root)) return null;
    handle = openSync(full, constants.O_RDONLY | constants.O_NONBLOCK);
    const inside = process.platform !== 'linux' || readlinkSync(`/proc/self/fd/${handle}`).startsWith(root);
    if (inside && fstatSync(handle).isFile()) return handle;
  } catch {
    // Gone meanwhile, or never there.
  }
  if (handle !== undefined) closeSync(handle);
  return null;
}

/** null as above, and where it is longer than anything that is meant to be read whole. */
export function readInside(workspace: string, path: string, limitBytes: number): string | null {
  const handle = openInside(workspace, path);
  if (handle === null) return null;
  try {
    return fstatSync(handle).size > limitBytes ? null : readFileSync(handle, 'utf8');
  } finally {
    closeSync(handle);
  }
}

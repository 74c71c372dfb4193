import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { StepUser } from './shim.ts';

/**
 * To the account that steps or instances run as; null: they run as the agent does. `chown -R` is one process, a walk of our
 * own would be fifty thousand calls; it changes a folder after what lies in it, so that nobody is in there before it is done.
 */
export async function giveTree(path: string, user: StepUser | null): Promise<void> {
  if (user) await promisify(execFile)('chown', ['-R', '-h', `${user.uid}:${user.gid}`, '--', path]);
}

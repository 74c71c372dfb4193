import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { giveTree } from '../shim/give-tree.ts';
import { killGroup, type StepUser } from '../shim/shim.ts';

/** Where a job lives: `<root>/jobs/<jobId>`, with the same parts on every agent. */
export interface JobFolder {
  readonly root: string;
  readonly work: string;
  readonly home: string;
  readonly temp: string;
  readonly steps: string;
}

/** What a checkpoint takes along. */
export const PORTABLE_PARTS = ['work', 'home', 'temp'] as const;

export function jobFolder(data: string, jobId: string): JobFolder {
  const root = join(data, 'jobs', jobId);
  return {
    root,
    work: join(root, 'work'),
    home: join(root, 'home'),
    temp: join(root, 'temp'),
    steps: join(root, 'steps'),
  };
}

export async function makeJobFolder(folder: JobFolder, user: StepUser | null): Promise<void> {
  await mkdir(folder.root, { recursive: true, mode: 0o711 });
  for (const part of [folder.work, folder.home, folder.temp, folder.steps])
    await mkdir(part, { recursive: true, mode: part === folder.steps ? 0o711 : 0o700 });
  for (const part of PORTABLE_PARTS) await giveTree(join(folder.root, part), user);
}

/** Folders without the write bit (every Go module cache) are made writable first. */
export async function removeJobFolder(folder: JobFolder): Promise<void> {
  const remove = () => rm(folder.root, { recursive: true, force: true, maxRetries: 3 });
  try {
    await remove();
  } catch {
    await promisify(execFile)('chmod', ['-R', 'u+rwX', '--', folder.root]).catch(() => {});
    await remove();
  }
}

/** Everything its steps started, those inside composite actions too. */
export function killStepGroups(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (!/^\d+(\.\d+)?$/.test(name)) continue;
    killGroup(join(folder, name), 'SIGKILL');
    killStepGroups(join(folder, name));
  }
}

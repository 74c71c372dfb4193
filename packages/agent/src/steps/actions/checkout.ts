import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createZstdDecompress } from 'node:zlib';
import { unpackFolder } from '@holdfast/contract/archive/unpack-folder.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { giveTree } from '../../job/job-folder.ts';
import { PLAIN_RESULT, type StepResult, type StepRun } from '../run-step.ts';
import type { ActionWorld } from './action-world.ts';

/**
 * actions/checkout from the blob store: the commit was kept when the run was created, so a
 * checkout needs no git host. Other folders in the workspace stay; the checked out one is made anew.
 */
export async function checkout(run: StepRun, world: ActionWorld, inputs: Record<string, string>): Promise<StepResult> {
  const { grant, folder } = run.world;
  const target = insideWorkspace(folder.work, inputs.path ?? '');
  await mkdir(target, { recursive: true });
  await rm(join(target, '.git'), { recursive: true, force: true });
  const bytes = Readable.fromWeb((await world.client.getBlob(grant.source.digest)) as never).pipe(createZstdDecompress());
  await mkdir(join(target, '.git'), { recursive: true });
  await unpackFolder(bytes, join(target, '.git'));
  const git = (...words: string[]) => promisify(execFile)('git', ['-C', target, '-c', 'safe.directory=*', '-c', 'core.hooksPath=/dev/null', '-c', 'advice.detachedHead=false', ...words], { env: { PATH: process.env.PATH, HOME: folder.home, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' } });
  await git('checkout', '--quiet', '--force', '--detach', grant.source.commit);
  if (inputs.clean !== 'false') await git('clean', '-ffdxq');
  await giveTree(target, run.user);
  run.log.write(`Checked out ${grant.source.commit}\n`);
  return { ...PLAIN_RESULT, outputs: { commit: grant.source.commit, ref: String((grant.values.github as { ref?: string }).ref ?? '') } };
}

export function insideWorkspace(workspace: string, path: string): string {
  const target = join(workspace, path);
  if (target === workspace || target.startsWith(`${workspace}/`)) return target;
  throw new HoldfastError('requestInvalid', `the path ${path} lies outside the workspace`);
}

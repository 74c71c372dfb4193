import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { giveTree } from '../../job/job-folder.ts';
import { PLAIN_RESULT, type StepResult, type StepRun } from '../run-step.ts';
import type { ActionWorld } from './action-world.ts';

/** actions/checkout. Other folders in the workspace stay. */
export async function checkout(
  run: StepRun,
  world: ActionWorld,
  inputs: Record<string, string>,
): Promise<StepResult> {
  const { grant, folder } = run.world;
  const target = insideWorkspace(folder.work, inputs.path ?? '');
  await mkdir(target, { recursive: true });
  await world.checkout(run, target);
  await giveTree(target, run.user);
  run.log.write(`Checked out ${grant.source.commit}\n`);
  return {
    ...PLAIN_RESULT,
    outputs: {
      commit: grant.source.commit,
      ref: String((grant.values.github as { ref?: string }).ref ?? ''),
    },
  };
}

export function insideWorkspace(workspace: string, path: string): string {
  const target = join(workspace, path);
  if (target === workspace || target.startsWith(`${workspace}/`)) return target;
  throw new HoldfastError('requestInvalid', `the path ${path} lies outside the workspace`);
}

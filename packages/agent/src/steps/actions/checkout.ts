import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { PLAIN_RESULT, type StepResult, type StepRun } from '../run-step.ts';
import type { ActionWorld } from './action-world.ts';

/** actions/checkout. Other folders in the workspace stay. */
export async function checkout(
  run: StepRun,
  world: ActionWorld,
  inputs: Record<string, string>,
): Promise<StepResult> {
  const { grant, folder } = run.world;
  const target = await insideWorkspace(folder.work, inputs.path ?? '');
  await world.checkout(run, target);
  run.log.write(`Checked out ${grant.source.commit}\n`);
  return {
    ...PLAIN_RESULT,
    outputs: {
      commit: grant.source.commit,
      ref: String((grant.values.github as { ref?: string }).ref ?? ''),
    },
  };
}

/** Also through links: what a step planted must not lead the agent elsewhere. */
export async function insideWorkspace(workspace: string, path: string): Promise<string> {
  const root = await realpath(workspace);
  const target = join(root, path);
  const inside = (candidate: string) => candidate === root || candidate.startsWith(`${root}/`);
  const real = await realpath(target).catch(() => realpath(dirname(target)).catch(() => root));
  if (inside(target) && inside(real)) return target;
  throw new HoldfastError('requestInvalid', `the path ${path} leads out of the workspace`);
}

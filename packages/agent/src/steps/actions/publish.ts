import { stat } from 'node:fs/promises';
import { failedResult, PLAIN_RESULT, type StepResult, type StepRun } from '../run-step.ts';
import type { ActionWorld } from './action-world.ts';
import { insideWorkspace } from './checkout.ts';

/** holdfast/publish: a folder of the workspace, sealed as an artifact. `.git` is never part of it. */
export async function publish(
  run: StepRun,
  world: ActionWorld,
  inputs: Record<string, string>,
): Promise<StepResult> {
  const { folder } = run.world;
  const path = await insideWorkspace(folder.work, inputs.path ?? '.');
  const found = await stat(path).catch(() => null);
  if (!found?.isDirectory())
    return failedResult(`publish: there is no folder ${inputs.path} in the workspace`);
  const sealed = await world.publish(run, { name: inputs.name ?? '', path });
  const artifact = `${sealed.name}@${sealed.digest}`;
  run.log.write(`Published ${artifact}\n`);
  return { ...PLAIN_RESULT, outputs: { artifact, digest: sealed.digest, name: sealed.name } };
}

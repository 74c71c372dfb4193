import { stat } from 'node:fs/promises';
import { packFolder } from '@holdfast/contract/archive/pack-folder.ts';
import { failedResult, PLAIN_RESULT, type StepResult, type StepRun } from '../run-step.ts';
import type { ActionWorld } from './action-world.ts';
import { insideWorkspace } from './checkout.ts';

/**
 * holdfast/publish: a folder as a canonical archive. The controller computes the digest from the
 * bytes that arrive and signs; this side only sends. `.git` is never part of an artifact.
 */
export async function publish(run: StepRun, world: ActionWorld, inputs: Record<string, string>): Promise<StepResult> {
  const { grant, folder } = run.world;
  const path = insideWorkspace(folder.work, inputs.path ?? '.');
  const found = await stat(path).catch(() => null);
  if (!found?.isDirectory()) return failedResult(`publish: there is no folder ${inputs.path} in the workspace`);
  const sealed = await world.client.publish({ agentId: world.agentId, jobId: grant.jobId, epoch: grant.epoch, name: inputs.name ?? '' }, () => packFolder(path, { form: 'canonical', skip: new Set(['.git']) }));
  const artifact = `${sealed.name}@${sealed.digest}`;
  run.log.write(`Published ${artifact}\n`);
  return { ...PLAIN_RESULT, outputs: { artifact, digest: sealed.digest, name: sealed.name } };
}

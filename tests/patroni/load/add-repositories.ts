import type { Client } from '@holdfast/contract/api/client.ts';
import type { Scene } from '../../chaos/cluster/scene.ts';
import { makeAskedRepository, makeRepository, REPOSITORY } from '../../chaos/workload/repository.ts';

/**
 * One whose runs have ten steps, and some whose runs have nothing to do; all asked only by triggers.
 * A repository's triggers are read one after another, so that the steady load needs several.
 * Returns the names of those with nothing to do.
 */
export async function addRepositories(
  scene: Scene,
  client: Client,
  asked: number,
): Promise<readonly string[]> {
  const names = Array.from({ length: asked }, (_, index) => `${ASKED_PREFIX}${index + 1}`);
  const url = makeAskedRepository(scene);
  const pollSeconds = 3_600;
  await client('addRepository', { body: { name: REPOSITORY, url: makeRepository(scene), pollSeconds } });
  for (const name of names) await client('addRepository', { body: { name, url, pollSeconds } });
  return names;
}

export const ASKED_PREFIX = 'asked-';

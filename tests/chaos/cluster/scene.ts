import { chmodSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTimeOf } from '@holdfast/contract/process/process-identity.ts';

/**
 * Where one suite lives and what its parts are called. Everything carries the harness's pid, so
 * that two suites run side by side and the next one knows what a dead one left.
 */
export interface Scene {
  readonly root: string;
  readonly logs: string;
  /** What steps share with the harness: the step's script and the ledger. */
  readonly shared: string;
  readonly processFile: string;
  readonly bridge: string;
  /** The first three numbers of the bridge's network. */
  readonly network: string;
}

export const SCENE_PREFIX = 'holdfast-chaos-';
export const NETWORK_PREFIX = 'hfch';

export function makeScene(): Scene {
  const { pid } = process;
  const root = join(tmpdir(), `${SCENE_PREFIX}${pid}-${startTimeOf(pid)}`);
  const scene: Scene = {
    root,
    logs: join(root, 'logs'),
    shared: join(root, 'shared'),
    processFile: join(root, 'processes'),
    bridge: `${NETWORK_PREFIX}${pid}`,
    network: `10.${128 + (Math.floor(pid / 256) % 128)}.${pid % 256}`,
  };
  for (const folder of [root, scene.logs, scene.shared]) mkdirSync(folder, { recursive: true, mode: 0o755 });
  chmodSync(scene.shared, 0o777);
  return scene;
}

export function bridgeAddress(scene: Scene): string {
  return `${scene.network}.1`;
}

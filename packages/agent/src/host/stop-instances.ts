import { existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { killGroup } from '../shim/shim.ts';
import { HostedInstance } from './instance.ts';

/** `holdfast down`: instances outlive agents, so somebody has to end them. SIGTERM, then SIGKILL. */
const GRACE_MS = 5_000;

export async function stopInstances(data: string): Promise<void> {
  const root = join(data, 'instances');
  const alive = () =>
    existsSync(root) ? readdirSync(root).filter((id) => HostedInstance.isLeftRunning(root, id)) : [];
  for (const id of alive()) killGroup(join(root, id, 'shim'), 'SIGTERM');
  for (const deadline = performance.now() + GRACE_MS; alive().length > 0 && performance.now() < deadline; )
    await sleep(50);
  for (const id of alive()) killGroup(join(root, id, 'shim'), 'SIGKILL');
  await rm(root, { recursive: true, force: true });
}

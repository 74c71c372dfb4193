import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Started, Workbench } from '../workbench.ts';

/** A real controller as `holdfast up` starts it, on a free port. */
export interface BenchController {
  readonly process: Started;
  readonly address: string;
  readonly token: string;
}

const PROGRAM = fileURLToPath(new URL('../../packages/controller/src/main.ts', import.meta.url));
const START_LIMIT_MS = 60_000;

export async function startController(
  workbench: Workbench,
  options: { readonly databaseUrl: string; readonly flags?: readonly string[]; readonly name?: string },
): Promise<BenchController> {
  const { name = 'bench' } = options;
  const masterKey = join(workbench.folder, 'master.key');
  const adminToken = join(workbench.folder, 'admin.token');
  if (!existsSync(masterKey))
    writeFileSync(masterKey, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  const process = workbench.startNode({
    name: 'controller',
    path: PROGRAM,
    flags: options.flags,
    args: [
      '--name',
      name,
      '--listen',
      '127.0.0.1:0',
      '--blobs',
      join(workbench.folder, 'blobs'),
      '--work',
      join(workbench.folder, `work-${name}`),
      '--master-key-file',
      masterKey,
      '--admin-token-file',
      adminToken,
    ],
    env: { HOLDFAST_DATABASE: options.databaseUrl, HOLDFAST_LOG_LEVEL: 'warn' },
  });
  const { ready } = await process.message<{ ready: string }>(START_LIMIT_MS);
  return { process, address: ready, token: readFileSync(adminToken, 'utf8').trim() };
}

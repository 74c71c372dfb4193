import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createZstdDecompress } from 'node:zlib';
import { packFolder } from '@holdfast/contract/archive/pack-folder.ts';
import { unpackFolder } from '@holdfast/contract/archive/unpack-folder.ts';
import type { ControllerClient } from '../link/controller-client.ts';
import type { ActionWorld } from '../steps/actions/action-world.ts';

/**
 * Built-in actions against the controllers. A checkout comes from the blob store: the commit was
 * kept when the run was created, so it needs no git host. The digest of a published folder is
 * computed by the controller from the bytes that arrive.
 */
export function agentActions(
  client: Pick<ControllerClient, 'getBlob' | 'publish'>,
  agentId: string,
): ActionWorld {
  return {
    checkout: async ({ world: { grant, folder } }, target) => {
      await rm(join(target, '.git'), { recursive: true, force: true });
      const bytes = Readable.fromWeb((await client.getBlob(grant.source.digest)) as never).pipe(
        createZstdDecompress(),
      );
      await mkdir(join(target, '.git'), { recursive: true });
      await unpackFolder(bytes, join(target, '.git'));
      await git(target, folder.home, ['checkout', '--quiet', '--force', '--detach', grant.source.commit]);
      await git(target, folder.home, ['clean', '-ffdxq']);
    },
    publish: ({ world: { grant } }, { name, path }) =>
      client.publish({ agentId, jobId: grant.jobId, epoch: grant.epoch, name }, () =>
        packFolder(path, { form: 'canonical', skip: new Set(['.git']) }),
      ),
  };
}

function git(folder: string, home: string, words: readonly string[]): Promise<unknown> {
  const safe = [
    '-c',
    'safe.directory=*',
    '-c',
    'core.hooksPath=/dev/null',
    '-c',
    'advice.detachedHead=false',
  ];
  return promisify(execFile)('git', ['-C', folder, ...safe, ...words], {
    env: { PATH: process.env.PATH, HOME: home, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' },
  });
}

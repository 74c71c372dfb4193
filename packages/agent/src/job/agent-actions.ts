import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decompressed } from '@holdfast/contract/archive/compression.ts';
import { packFolder } from '@holdfast/contract/archive/pack-folder.ts';
import { unpackFolder } from '@holdfast/contract/archive/unpack-folder.ts';
import { isUnavailable } from '@holdfast/contract/errors.ts';
import type { ControllerClient } from '../link/controller-client.ts';
import { giveTree } from '../shim/give-tree.ts';
import type { StepUser } from '../shim/shim.ts';
import type { ActionWorld } from '../steps/actions/action-world.ts';
import type { StepRun } from '../steps/run-step.ts';
import { pause } from './pause.ts';

const PATIENCE_MS = 600_000;

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
    checkout: async (run, target) => {
      const { grant, folder } = run.world;
      const { user } = run;
      // Where no step gets in; then it is theirs, and by their own hand it goes where they may have put a link meanwhile.
      const draft = join(folder.root, 'checkout');
      await patiently(run, async () => {
        await rm(draft, { recursive: true, force: true });
        await mkdir(join(draft, '.git'), { recursive: true, mode: 0o700 });
        await unpackFolder(decompressed(await client.getBlob(grant.source.digest)), join(draft, '.git'));
      });
      await giveTree(draft, user);
      await as(user, 'mkdir', ['-p', '--', target]);
      await as(user, 'rm', ['-rf', '--', join(target, '.git')]);
      await as(user, 'mv', ['--', join(draft, '.git'), join(target, '.git')]);
      await rm(draft, { recursive: true, force: true });
      await git(target, user, ['checkout', '--quiet', '--force', '--detach', grant.source.commit]);
      await git(target, user, ['clean', '-ffdxq']);
    },
    publish: (run, { name, path }) => {
      const { jobId, epoch } = run.world.grant;
      return patiently(run, () =>
        client.publish({ agentId, jobId, epoch, name }, () =>
          packFolder(path, { form: 'canonical', skip: new Set(['.git']) }),
        ),
      );
    },
  };
}

/** What is away may come back: the job's own work is not to blame. A full disk is said at once, to whoever can free it. */
async function patiently<Value>(run: StepRun, work: () => Promise<Value>): Promise<Value> {
  const startedAt = performance.now();
  for (let failures = 1; ; failures += 1) {
    try {
      return await work();
    } catch (error) {
      const waitedMs = performance.now() - startedAt;
      if (!isUnavailable(error) || error.code === 'diskFull') throw error;
      if (run.stopped.aborted || waitedMs > PATIENCE_MS) throw error;
      if (failures === 1) run.log.write(`Waits and tries again: ${error.message}\n`);
      await pause(failures, run.stopped, { firstMs: 500, mostMs: 5_000 });
    }
  }
}

/**
 * As the step's own user and with nothing of its configuration: a `.gitconfig` that an earlier step
 * wrote must not be run by the agent, which may be root.
 */
function git(folder: string, user: StepUser | null, words: readonly string[]): Promise<unknown> {
  const safe = {
    'safe.directory': '*',
    'core.hooksPath': '/dev/null',
    'core.fsmonitor': 'false',
    'advice.detachedHead': 'false',
  };
  const options = Object.entries(safe).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const env = {
    PATH: process.env.PATH,
    HOME: '/nonexistent',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
  };
  return as(user, 'git', ['-C', folder, ...options, ...words], env);
}

/** As the step's account. */
function as(
  user: StepUser | null,
  command: string,
  words: readonly string[],
  env: NodeJS.ProcessEnv = { PATH: process.env.PATH },
): Promise<unknown> {
  return promisify(execFile)(command, words, { ...(user ?? {}), env, cwd: '/' });
}

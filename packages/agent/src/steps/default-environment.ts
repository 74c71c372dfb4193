import { delimiter, join } from 'node:path';
import type { JsonObject } from '@holdfast/core/kernel/json.ts';
import { textOf } from '@holdfast/workflow/expressions.ts';
import type { StepScope, StepWorld } from './step-world.ts';

/** The variables every step has, by GitHub's names. Nothing of the agent's own environment but PATH and the locale. */
export function defaultEnvironment(
  { grant, folder, agentName }: StepWorld,
  scope: StepScope,
  files: { readonly [name: string]: string },
): Record<string, string> {
  const github = grant.values.github as JsonObject;
  const named = [
    'repository',
    'sha',
    'ref',
    'ref_name',
    'ref_type',
    'event_name',
    'run_id',
    'run_number',
    'run_attempt',
    'workflow',
    'actor',
    'triggering_actor',
    'server_url',
  ];
  const fromContext = Object.fromEntries(
    named.map((name) => [`GITHUB_${name.toUpperCase()}`, textOf(github[name] ?? '')]),
  );
  return {
    PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
    LANG: process.env.LANG ?? 'C.UTF-8',
    HOME: folder.home,
    TMPDIR: folder.temp,
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    HOLDFAST: 'true',
    ...fromContext,
    GITHUB_JOB: grant.definition.key,
    GITHUB_WORKSPACE: folder.work,
    GITHUB_ACTION_PATH: scope.actionPath ?? '',
    RUNNER_OS: process.platform === 'darwin' ? 'macOS' : 'Linux',
    RUNNER_ARCH: process.arch === 'arm64' ? 'ARM64' : 'X64',
    RUNNER_NAME: agentName,
    RUNNER_TEMP: folder.temp,
    RUNNER_TOOL_CACHE: join(folder.home, 'tools'),
    ...files,
  };
}

export function withPath(env: Record<string, string>, first: readonly string[]): Record<string, string> {
  return first.length === 0 ? env : { ...env, PATH: [...[...first].reverse(), env.PATH].join(delimiter) };
}

import { createHash } from 'node:crypto';
import { closeSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Grant } from '@holdfast/contract/agent/protocol.ts';
import type { Json, JsonObject } from '@holdfast/core/kernel/json.ts';
import type { Template } from '@holdfast/core/pipeline/pipeline.ts';
import type { Expressions, StatusView } from '@holdfast/core/pipeline/ports.ts';
import { createExpressions, textMembers } from '@holdfast/workflow/expressions.ts';
import type { JobFolder } from '../job/job-folder.ts';
import type { JobState, StepView } from '../job/job-state.ts';
import { openInside } from './open-inside.ts';

/** The contexts of one step, and what it inherits: the place where expressions get their values. */
export interface StepScope {
  /** Steps seen by id: of the job, or of the composite action around this step. */
  readonly steps: { readonly [id: string]: StepView };
  readonly inputs: JsonObject | null;
  readonly env: { readonly [name: string]: string };
  readonly actionPath: string | null;
}

export interface StepWorld {
  readonly grant: Grant;
  readonly folder: JobFolder;
  readonly agentName: string;
}

export function expressionsIn(folder: JobFolder): Expressions {
  return createExpressions({ hashFiles: (patterns) => hashFiles(folder.work, patterns) });
}

export function valuesOf(
  { grant, folder, agentName }: StepWorld,
  scope: StepScope,
  status: StatusView,
): { readonly [name: string]: Json } {
  const given = grant.values as JsonObject;
  return {
    ...given,
    github: {
      ...(given.github as JsonObject),
      workspace: folder.work,
      action_path: scope.actionPath ?? '',
      job: grant.definition.key,
      token: '',
    },
    env: { ...scope.env },
    steps: scope.steps as unknown as JsonObject,
    secrets: grant.secrets,
    inputs: scope.inputs ?? (given.inputs as JsonObject) ?? {},
    job: { status: status.cancelled ? 'cancelled' : status.failure ? 'failure' : 'success' },
    runner: {
      os: process.platform === 'darwin' ? 'macOS' : 'Linux',
      arch: process.arch === 'arm64' ? 'ARM64' : 'X64',
      name: agentName,
      temp: folder.temp,
      tool_cache: join(folder.home, 'tools'),
      debug: '',
    },
  };
}

export function statusOf(state: Pick<JobState, 'failed'>, cancelled: boolean): StatusView {
  return { success: !state.failed && !cancelled, failure: state.failed, cancelled };
}

/** Later members see earlier ones, as in a shell. */
export function evaluateEnv(
  expressions: Expressions,
  template: Template,
  at: { readonly values: { readonly [name: string]: Json }; readonly status: StatusView },
): Record<string, string> {
  return textMembers(expressions.value(template, at.values, at.status));
}

/** GitHub's hashFiles: SHA-256 over the SHA-256 of each file of the workspace, in the order of their paths. */
function hashFiles(root: string, patterns: readonly string[]): string {
  const paths = new Set(patterns.flatMap((pattern) => globSync(pattern, { cwd: root })));
  const digests = [...paths].sort().flatMap((path) => digestOf(root, path) ?? []);
  if (digests.length === 0) return '';
  const whole = createHash('sha256');
  for (const digest of digests) whole.update(digest);
  return whole.digest('hex');
}

function digestOf(root: string, path: string): Buffer | null {
  const handle = openInside(root, path);
  if (handle === null) return null;
  try {
    return createHash('sha256').update(readFileSync(handle)).digest();
  } finally {
    closeSync(handle);
  }
}

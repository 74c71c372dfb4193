import { basename } from 'node:path';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Json, JsonObject } from '@holdfast/core/kernel/json.ts';
import type { RepositoryRow } from '@holdfast/postgres/run/repository-store.ts';
import type { ParsedWorkflow } from '@holdfast/workflow/parse-workflow.ts';
import type { DispatchInput } from '@holdfast/workflow/triggers.ts';
import type { Services } from '../services.ts';
import {
  type CommitView,
  type PreparedRun,
  prepareRun,
  type RunEventView,
  readWorkflow,
  viewCommit,
  workflowPaths,
} from './prepare-run.ts';

/**
 * `holdfast run`: a workflow by name, on a ref. One that listens to workflow_dispatch gets its
 * inputs; one that only listens to push is run as if this ref had been pushed.
 */
export async function dispatchRun(
  services: Services,
  repository: RepositoryRow,
  payload: JsonObject,
  /** When this controller saw the trigger: the branch is looked at later than that. */
  seenAt: number,
): Promise<readonly PreparedRun[]> {
  const wanted =
    typeof payload.ref === 'string' ? payload.ref : await services.mirrors.defaultBranch(repository);
  const mirror = await services.mirrors.fetch(repository, seenAt);
  const at = await services.mirrors.resolve(mirror, wanted);
  const view = await viewCommit(services, repository, at);
  const path = await choosePath(
    services,
    view,
    typeof payload.workflow === 'string' ? payload.workflow : null,
  );
  const parsed = await readWorkflow(services, view, path);
  const inputs = readInputs(path, parsed, (payload.inputs ?? {}) as JsonObject);
  const event: RunEventView = parsed.triggers.dispatch
    ? { name: 'workflow_dispatch', payload: { inputs, ref: at.ref }, inputs }
    : { name: 'push', payload: { ref: at.ref, after: at.commit }, inputs: {} };
  return [await prepareRun(services, view, { parsed, event })];
}

async function choosePath(services: Services, view: CommitView, wanted: string | null): Promise<string> {
  const paths = await workflowPaths(services, view);
  const found =
    wanted === null
      ? paths
      : paths.filter(
          (path) =>
            path === wanted || basename(path) === wanted || basename(path).replace(/\.ya?ml$/, '') === wanted,
        );
  const [only] = found;
  if (only && found.length === 1) return only;
  const known =
    paths.length > 0 ? paths.join(', ') : 'none: the commit has no .holdfast/workflows or .github/workflows';
  throw new HoldfastError(
    'workflowInvalid',
    `expected one workflow${wanted ? ` named ${wanted}` : '; name it with --workflow'}, the commit has ${known}`,
  );
}

function readInputs(path: string, parsed: ParsedWorkflow, given: JsonObject): JsonObject {
  const declared = parsed.triggers.dispatch?.inputs ?? {};
  for (const name of Object.keys(given)) {
    if (name in declared) continue;
    throw new HoldfastError(
      'workflowInvalid',
      `${path} has no input ${name}, expected one of ${Object.keys(declared).join(', ') || '(none)'}`,
    );
  }
  return Object.fromEntries(
    Object.entries(declared).map(([name, input]) => [name, readInput(name, input, given[name])]),
  );
}

function readInput(name: string, input: DispatchInput, given: Json | undefined): Json {
  const value = given ?? input.default;
  if (value === null && input.required)
    throw new HoldfastError('workflowInvalid', `the input ${name} is required`);
  if (input.type === 'boolean') {
    if (value !== null && !['true', 'false'].includes(String(value)))
      throw new HoldfastError(
        'workflowInvalid',
        `the input ${name} is a boolean, expected true or false, found ${value}`,
      );
    return String(value) === 'true';
  }
  if (input.options.length > 0 && !input.options.includes(String(value))) {
    throw new HoldfastError(
      'workflowInvalid',
      `the input ${name} is one of ${input.options.join(', ')}, found ${value}`,
    );
  }
  return value === null ? '' : String(value);
}

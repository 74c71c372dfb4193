import { join, posix } from 'node:path';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { JsonObject } from '@holdfast/core/kernel/json.ts';
import type { Template } from '@holdfast/core/pipeline/pipeline.ts';
import { textOf } from '@holdfast/workflow/expressions.ts';
import { parseCompositeAction } from '@holdfast/workflow/parse-workflow.ts';
import { GITHUB_WORDS, type StepView } from '../../job/job-state.ts';
import { readInside } from '../open-inside.ts';
import { PLAIN_RESULT, type StepResult, type StepRun } from '../run-step.ts';
import { valuesOf } from '../step-world.ts';
import { insideWorkspace } from './checkout.ts';
import type { PerformStep } from './perform-step.ts';

const ACTION_BYTES = 1024 * 1024;

/**
 * A local composite action: its steps run inside the caller's step, each under a shim of its own,
 * seeing the action's inputs and each other, not the caller's steps.
 */
export async function composite(
  run: StepRun,
  perform: PerformStep,
  { uses, inputs: given }: { readonly uses: string; readonly inputs: Record<string, string> },
): Promise<StepResult> {
  const { work } = run.world.folder;
  const place = posix.normalize(uses);
  const folder = await insideWorkspace(work, place);
  const file = ['action.yml', 'action.yaml']
    .map((name) => ({ path: join(folder, name), text: readAction(work, join(place, name)) }))
    .find(({ text }) => text !== null);
  if (!file || file.text === null)
    throw new HoldfastError(
      'workflowInvalid',
      `the local action ${uses} is not in the workspace: is there a checkout step before it?`,
    );
  const action = parseCompositeAction({
    path: file.path,
    text: file.text,
    readFile: (path) => readAction(work, path),
  });
  const inputs = inputsOf(run, action.inputs, given);
  let result: StepResult = PLAIN_RESULT;
  let steps: Record<string, StepView> = {};
  let env = { ...run.scope.env };
  let path = [...run.path];
  for (const [index, step] of action.steps.entries()) {
    const failed = result.outcome === 'failed';
    const status = {
      success: !failed && !run.stopped.aborted,
      failure: failed,
      cancelled: run.stopped.aborted,
    };
    const scope = { steps, inputs, env, actionPath: folder };
    const inner: StepRun = { ...run, scope, path, status, dir: join(run.dir, String(index)) };
    const one = await perform(inner, step);
    if (one.lost !== null) return one;
    const tolerated =
      run.expressions.value(step.continueOnError, valuesOf(run.world, scope, status), status) === true;
    const conclusion = one.outcome === 'failed' && tolerated ? 'succeeded' : one.outcome;
    if (step.id)
      steps = {
        ...steps,
        [step.id]: {
          outputs: one.outputs,
          outcome: GITHUB_WORDS[one.outcome],
          conclusion: GITHUB_WORDS[conclusion],
        },
      };
    env = { ...env, ...one.env };
    path = [...path, ...one.path];
    result = merge(result, { ...one, outcome: conclusion });
  }
  const status = {
    success: result.outcome !== 'failed',
    failure: result.outcome === 'failed',
    cancelled: run.stopped.aborted,
  };
  const values = valuesOf(run.world, { steps, inputs, env, actionPath: folder }, status);
  const outputs = Object.fromEntries(
    membersOf(action.outputs).map(([name, output]) => [
      name,
      textOf(run.expressions.value(member(output, 'value'), values, status)),
    ]),
  );
  return { ...result, outputs };
}

function inputsOf(run: StepRun, declared: Template, given: Record<string, string>): JsonObject {
  const names = membersOf(declared);
  const values = valuesOf(run.world, run.scope, run.status);
  return Object.fromEntries(
    names.map(([name, input]) => {
      if (name in given) return [name, given[name] ?? ''];
      if (member(input, 'required') === true && member(input, 'default') === null)
        throw new HoldfastError('workflowInvalid', `the local action needs the input ${name}`);
      return [name, textOf(run.expressions.value(member(input, 'default'), values, run.status))];
    }),
  );
}

function merge(before: StepResult, one: StepResult): StepResult {
  const worse = before.outcome === 'failed' || (one.outcome === 'skipped' && before.outcome !== 'skipped');
  const base = worse ? before : one;
  return {
    ...base,
    outcome: base.outcome === 'skipped' ? 'succeeded' : base.outcome,
    env: { ...before.env, ...one.env },
    path: [...before.path, ...one.path],
    annotations: [...before.annotations, ...one.annotations],
    summary: [before.summary, one.summary].filter((part) => part !== null).join('\n') || null,
    notPortable: before.notPortable ?? one.notPortable,
  };
}

function membersOf(template: Template): readonly (readonly [string, Template])[] {
  return template !== null && typeof template === 'object' && 'members' in template ? template.members : [];
}

function member(template: Template, name: string): Template {
  return membersOf(template).find(([key]) => key === name)?.[1] ?? null;
}

function readAction(workspace: string, path: string): string | null {
  return readInside(workspace, path, ACTION_BYTES);
}

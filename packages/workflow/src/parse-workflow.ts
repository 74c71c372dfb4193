import { posix } from 'node:path';
import type { MappingToken, TemplateToken } from '@actions/workflow-parser/templates/tokens/index';
import { TokenType } from '@actions/workflow-parser/templates/tokens/types';
import type {
  JobDefinition,
  MatrixDefinition,
  WorkflowDefinition,
} from '@holdfast/core/pipeline/pipeline.ts';
import { builtInAction } from './built-in-actions.ts';
import { convertTree, type ParsedTree, parseTree, refuseAt } from './github-syntax.ts';
import { checkShell, conditionOf, parseSteps, type StepParser } from './parse-step.ts';
import { templateOf } from './template.ts';
import { readTriggers, type Triggers } from './triggers.ts';

/**
 * A workflow file read into core's nouns. Whatever this version does not run is refused here, with
 * its place, before a run exists.
 */
export interface ParsedWorkflow {
  readonly definition: WorkflowDefinition;
  readonly triggers: Triggers;
  /** The deepest history that a checkout step asks for; 0 is all of it. */
  readonly fetchDepth: number;
}

export interface WorkflowFile {
  readonly path: string;
  readonly text: string;
  readonly readFile: (path: string) => string | null;
}

const UNSUPPORTED_JOB_KEYS = {
  concurrency: 'concurrency groups are',
  container: 'job containers are',
  services: 'service containers are',
  environment: 'environment is; use holdfast/deploy, which names its environment,',
  uses: 'reusable workflows are',
  snapshot: 'snapshots are',
};

export function parseWorkflow(file: WorkflowFile): ParsedWorkflow {
  const tree = parseTree(file.path, file.text, 'workflow');
  const { events } = convertTree(tree);
  refuseKeys(tree, tree.root, { concurrency: 'concurrency groups are', 'run-name': 'run-name is' });
  const triggers = readTriggers(tree, events);
  const parser: StepParser = {
    tree,
    readFile: file.readFile,
    checkAction: (folder, token) => checkLocalAction(file, tree, { folder, token, seen: [] }),
  };
  const jobs = [...(tree.root.find('jobs') as MappingToken)].map(({ key, value }) =>
    parseJob(parser, key.toString(), value as MappingToken),
  );
  const name = tree.root.find('name')?.toString() ?? file.path;
  const definition = { name, path: file.path, env: templateOf(tree, tree.root.find('env')), jobs };
  return { definition, triggers, fetchDepth: depthOf(jobs) };
}

function refuseKeys(tree: ParsedTree, mapping: MappingToken, keys: { readonly [key: string]: string }): void {
  for (const { key } of mapping) {
    const what = keys[key.toString()];
    if (what) refuseAt(tree, key, `${what} not supported by this version; remove this key`);
  }
}

function parseJob(parser: StepParser, key: string, job: MappingToken): JobDefinition {
  const { tree } = parser;
  refuseKeys(tree, job, UNSUPPORTED_JOB_KEYS);
  const member = (name: string) => templateOf(tree, job.find(name));
  const steps = parseSteps(parser, job.find('steps') ?? job);
  const lanes = new Set(
    steps.map((step) =>
      step.action.kind === 'uses' ? (builtInAction(step.action.uses)?.lane ?? 'agent') : 'agent',
    ),
  );
  if (lanes.size > 1) {
    refuseAt(
      tree,
      job.find('steps'),
      'a job with holdfast/deploy holds nothing else: the controller runs it without an agent. Put the other steps into a job of their own, joined by needs',
    );
  }
  const lane = [...lanes][0] ?? 'agent';
  if (lane === 'controller') checkControllerJob(tree, job);
  if (job.find('runs-on')?.templateTokenType === TokenType.Mapping)
    refuseAt(
      tree,
      job.find('runs-on'),
      'runs-on with group is not supported by this version; list the labels',
    );
  const own = runDefaults(tree, job);
  const shared = runDefaults(tree, tree.root);
  return {
    key,
    name: member('name') ?? key,
    needs: listOf(job.find('needs')),
    condition: conditionOf(job.find('if')),
    runsOn: member('runs-on'),
    matrix: parseMatrix(tree, job.find('strategy')),
    env: member('env'),
    outputs: member('outputs'),
    continueOnError: member('continue-on-error'),
    timeoutMinutes: member('timeout-minutes'),
    shell: own?.shell ?? shared?.shell ?? null,
    workingDirectory: own?.workingDirectory ?? shared?.workingDirectory ?? null,
    steps,
    lane,
  };
}

/** A deploy job is the controller's: what it would not do is refused. */
function checkControllerJob(tree: ParsedTree, job: MappingToken): void {
  refuseKeys(tree, job, {
    env: 'env of a deploy job is',
    outputs: 'outputs of a deploy job are',
    'timeout-minutes': 'timeout-minutes of a deploy job is',
    'continue-on-error': 'continue-on-error of a deploy job is',
  });
  for (const step of job.find('steps') as unknown as Iterable<MappingToken>) {
    refuseKeys(tree, step, {
      env: 'env of a deploy step is',
      'timeout-minutes': 'timeout-minutes of a deploy step is',
      'continue-on-error': 'continue-on-error of a deploy step is',
    });
  }
}

function runDefaults(
  tree: ParsedTree,
  owner: MappingToken,
): { readonly shell: string | null; readonly workingDirectory: string | null } | null {
  const run = (owner.find('defaults') as MappingToken | undefined)?.find('run') as MappingToken | undefined;
  if (!run) return null;
  checkShell(tree, run.find('shell'));
  for (const { value } of run) {
    if (value.templateTokenType === TokenType.BasicExpression)
      refuseAt(
        tree,
        value,
        'an expression in defaults.run is not supported by this version; write it on the steps',
      );
  }
  return {
    shell: run.find('shell')?.toString() ?? null,
    workingDirectory: run.find('working-directory')?.toString() ?? null,
  };
}

function parseMatrix(tree: ParsedTree, token: TemplateToken | undefined): MatrixDefinition | null {
  if (token === undefined) return null;
  if (token.templateTokenType !== TokenType.Mapping)
    refuseAt(tree, token, 'strategy as an expression is not supported by this version; write matrix as one');
  const strategy = token as MappingToken;
  const values = strategy.find('matrix');
  if (values === undefined) return null;
  return {
    values: templateOf(tree, values),
    failFast: templateOf(tree, strategy.find('fail-fast')),
    maxParallel: templateOf(tree, strategy.find('max-parallel')),
  };
}

function listOf(token: TemplateToken | undefined): readonly string[] {
  if (token === undefined) return [];
  if (token.templateTokenType === TokenType.Sequence)
    return [...(token as unknown as Iterable<TemplateToken>)].map(String);
  return [token.toString()];
}

interface LocalAction {
  readonly folder: string;
  readonly token: TemplateToken;
  readonly seen: readonly string[];
}

function checkLocalAction(file: WorkflowFile, tree: ParsedTree, { folder, token, seen }: LocalAction): void {
  const path = posix.normalize(folder);
  if (path.startsWith('..'))
    refuseAt(tree, token, `local action ${folder} lies outside the repository`, 'workflowInvalid');
  if (seen.includes(path)) refuseAt(tree, token, `local action ${folder} uses itself`, 'workflowInvalid');
  const found = ['action.yml', 'action.yaml']
    .map((name) => posix.join(path, name))
    .find((name) => file.readFile(name) !== null);
  if (!found)
    refuseAt(tree, token, `local action ${folder} has no action.yml in this commit`, 'workflowInvalid');
  parseCompositeAction({ ...file, path: found, text: file.readFile(found) ?? '' }, [...seen, path]);
}

/** The steps of a local composite action; the agent reads it again from the workspace. */
export function parseCompositeAction(file: WorkflowFile, seen: readonly string[] = []) {
  const tree = parseTree(file.path, file.text, 'action');
  const runs = tree.root.find('runs') as MappingToken;
  const using = runs.find('using');
  if (using?.toString() !== 'composite') {
    refuseAt(
      tree,
      using ?? runs,
      `an action that runs by ${using} is not supported by this version, expected composite`,
    );
  }
  const parser: StepParser = {
    tree,
    readFile: file.readFile,
    checkAction: (folder, token) => checkLocalAction(file, tree, { folder, token, seen }),
  };
  const steps = parseSteps(parser, runs.find('steps'));
  const deploy = steps.find(
    (step) => step.action.kind === 'uses' && builtInAction(step.action.uses)?.lane === 'controller',
  );
  if (deploy)
    refuseAt(
      tree,
      runs.find('steps'),
      'holdfast/deploy cannot stand in a composite action; give it a job of its own',
    );
  return {
    inputs: templateOf(tree, tree.root.find('inputs')),
    outputs: templateOf(tree, tree.root.find('outputs')),
    steps,
  };
}

/** Shallow unless a checkout asks for more; what cannot be known before the run is all of it. */
function depthOf(jobs: readonly JobDefinition[]): number {
  const depths = jobs.flatMap((job) =>
    job.steps.flatMap(({ action }) => {
      if (action.kind !== 'uses' || !action.uses.startsWith('actions/checkout')) return [];
      const given =
        action.with !== null && typeof action.with === 'object' && 'members' in action.with
          ? action.with.members
          : [];
      const depth = given.find(([name]) => name === 'fetch-depth')?.[1] ?? 1;
      return [typeof depth === 'object' ? 0 : Number(depth)];
    }),
  );
  return depths.includes(0) ? 0 : Math.max(1, ...depths);
}

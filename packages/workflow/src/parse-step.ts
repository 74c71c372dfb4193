import type {
  MappingToken,
  SequenceToken,
  TemplateToken,
} from '@actions/workflow-parser/templates/tokens/index';
import { TokenType } from '@actions/workflow-parser/templates/tokens/types';
import type { StepAction, StepDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import { parseRetry, RETRY_FORM } from '@holdfast/core/pipeline/retry.ts';
import { actionName, BUILT_IN_ACTIONS, builtInAction } from './built-in-actions.ts';
import { type ParsedTree, refuseAt } from './github-syntax.ts';
import { templateOf } from './template.ts';

/** Shells that are run as they are named; anything with `{0}` is a command line of its own. */
const SHELLS = ['bash', 'sh', 'python', 'node'];

export interface StepParser {
  readonly tree: ParsedTree;
  /** Text of a file of the commit, or null: local actions are checked when the run is created. */
  readonly readFile: (path: string) => string | null;
  /** Checks a local action and everything it uses. */
  readonly checkAction: (folder: string, token: TemplateToken) => void;
}

export function parseSteps(parser: StepParser, token: TemplateToken | undefined): readonly StepDefinition[] {
  const { tree } = parser;
  const steps = token?.templateTokenType === TokenType.Sequence ? [...(token as SequenceToken)] : [];
  if (steps.length === 0) refuseAt(tree, token ?? tree.root, 'expected at least one step', 'workflowInvalid');
  return steps.map((step) => parseStep(parser, step as MappingToken));
}

function parseStep(parser: StepParser, step: MappingToken): StepDefinition {
  const { tree } = parser;
  checkRecovery(tree, step.find('env'));
  const member = (name: string) => templateOf(tree, step.find(name));
  const id = step.find('id')?.toString() ?? null;
  return {
    id,
    name: member('name'),
    condition: conditionOf(step.find('if')),
    action: parseAction(parser, step),
    env: member('env'),
    continueOnError: member('continue-on-error'),
    timeoutMinutes: member('timeout-minutes'),
  };
}

/** Holdfast's own variables on a step, which GitHub passes on as they are. */
const RECOVERY: { readonly [name: string]: readonly string[] } = {
  HOLDFAST_ON_LOST: ['rerun', 'fail', 'ask'],
  HOLDFAST_ON_RESTORE: ['keep', 'rerun'],
  HOLDFAST_CHECKPOINT: ['auto', 'always', 'never'],
};

function checkRecovery(tree: ParsedTree, env: TemplateToken | undefined): void {
  if (env?.templateTokenType !== TokenType.Mapping) return;
  for (const { key, value } of env as MappingToken) {
    if (key.toString() === 'HOLDFAST_RETRY' && parseRetry(value.toString()) === null)
      refuseAt(tree, value, `HOLDFAST_RETRY is ${value}, expected ${RETRY_FORM}`);
    const known = RECOVERY[key.toString()];
    if (!known || known.includes(value.toString())) continue;
    refuseAt(tree, value, `${key} is ${value}, this version knows ${known.join(', ')}`);
  }
}

function parseAction(parser: StepParser, step: MappingToken): StepAction {
  const { tree } = parser;
  const run = step.find('run');
  if (run !== undefined) {
    const shell = step.find('shell');
    checkShell(tree, shell);
    return {
      kind: 'run',
      script: templateOf(tree, run),
      shell: shell?.toString() ?? null,
      workingDirectory: templateOf(tree, step.find('working-directory')),
    };
  }
  const uses = step.find('uses') as TemplateToken;
  checkUses(parser, uses, step);
  return { kind: 'uses', uses: uses.toString(), with: templateOf(tree, step.find('with')) };
}

export function checkShell(tree: ParsedTree, shell: TemplateToken | undefined): void {
  if (shell === undefined) return;
  const name = shell.toString();
  if (SHELLS.includes(name) || name.includes('{0}')) return;
  refuseAt(
    tree,
    shell,
    `shell ${name} is not supported, expected one of ${SHELLS.join(', ')} or a command line with {0}`,
  );
}

function checkUses(parser: StepParser, uses: TemplateToken, step: MappingToken): void {
  const { tree } = parser;
  const name = uses.toString();
  if (name.startsWith('./')) return parser.checkAction(name, uses);
  const action = builtInAction(name);
  if (!action) {
    refuseAt(
      tree,
      uses,
      `action ${name} is not supported by this version, expected a local composite action (./path) or one of ${Object.keys(BUILT_IN_ACTIONS).join(', ')}`,
    );
  }
  const given = step.find('with') as MappingToken | undefined;
  const names = given ? [...given].map(({ key }) => key.toString()) : [];
  for (const { key } of given ?? []) {
    if (action.inputs.includes(key.toString())) continue;
    refuseAt(
      tree,
      key,
      `input ${key} of ${actionName(name)} is not supported, expected one of ${action.inputs.join(', ')}`,
    );
  }
  const missing = action.required.find((input) => !names.includes(input));
  if (missing) refuseAt(tree, uses, `${actionName(name)} needs the input ${missing}`, 'workflowInvalid');
}

/**
 * `if` as GitHub reads it: `success()` where there is none, `success() && (…)` where it names no
 * status function.
 */
export function conditionOf(token: TemplateToken | undefined): string {
  if (token === undefined) return 'success()';
  const expression =
    token.templateTokenType === TokenType.BasicExpression
      ? (token as unknown as { readonly expression: string }).expression
      : token.toString().trim();
  if (expression === '') return 'success()';
  return /\b(success|failure|always|cancelled)\s*\(/i.test(expression)
    ? expression
    : `success() && (${expression})`;
}

import { data, Evaluator, Lexer, Parser } from '@actions/expressions';
import type { FunctionDefinition } from '@actions/expressions/funcs/info';
import { TokenType } from '@actions/expressions/lexer';
import { truthy } from '@actions/expressions/result';
import type { Json } from '@holdfast/core/kernel/json.ts';
import type { Template, Values } from '@holdfast/core/pipeline/pipeline.ts';
import type { Expressions, StatusView } from '@holdfast/core/pipeline/ports.ts';
import { budgetedFunctions } from './expression-budget.ts';

/** The expression language, by GitHub's own evaluator, behind core's port. */
export interface ExpressionOptions {
  /** `hashFiles` reads the workspace, so only an agent can supply it. */
  readonly hashFiles?: (patterns: readonly string[]) => string;
}

export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

/** The parser knows these names; one that is missing would be a crash instead of null. */
const CONTEXTS = [
  'github',
  'env',
  'vars',
  'job',
  'jobs',
  'steps',
  'runner',
  'secrets',
  'strategy',
  'matrix',
  'needs',
  'inputs',
];

export function createExpressions(options: ExpressionOptions = {}): Expressions {
  const evaluate = (source: string, values: Values, status: StatusView): data.ExpressionData => {
    try {
      return evaluateText(source, contextsOf(values), functionsOf(status, options));
    } catch (error) {
      if (error instanceof ExpressionError) throw error;
      throw new ExpressionError(`cannot evaluate \${{ ${source} }}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  };
  const value = (template: Template, values: Values, status: StatusView): Json => {
    if (template === null || typeof template !== 'object') return template;
    if ('expression' in template) return toJson(evaluate(template.expression, values, status));
    if ('items' in template) return template.items.map((item) => value(item, values, status));
    return Object.fromEntries(
      template.members.map(([name, member]) => [name, value(member, values, status)]),
    );
  };
  return { value, condition: (expression, values, status) => truthy(evaluate(expression, values, status)) };
}

function evaluateText(
  source: string,
  contexts: data.Dictionary,
  functions: FunctionDefinition[],
): data.ExpressionData {
  const { tokens } = new Lexer(source).lex();
  // The lexer (0.3.61) unescapes only the first '' of a string; do all of them.
  for (const token of tokens) {
    if (token.type === TokenType.STRING)
      Object.assign(token, { value: token.lexeme.slice(1, -1).replaceAll("''", "'") });
  }
  const names = contexts.pairs().map((pair) => pair.key);
  const tree = new Parser(tokens, names, functions).parse();
  if (!tree) return new data.Null();
  return new Evaluator(
    tree,
    contexts,
    new Map(functions.map((entry) => [entry.name.toLowerCase(), entry])),
  ).evaluate();
}

function contextsOf(values: Values): data.Dictionary {
  const contexts = new data.Dictionary();
  for (const name of CONTEXTS) contexts.add(name, fromJson(values[name] ?? {}));
  return contexts;
}

function functionsOf(status: StatusView, options: ExpressionOptions): FunctionDefinition[] {
  const answer = (name: string, is: boolean): FunctionDefinition => ({
    name,
    minArgs: 0,
    maxArgs: 255,
    call: () => new data.BooleanData(is),
  });
  const hashFiles: FunctionDefinition = {
    name: 'hashFiles',
    minArgs: 1,
    maxArgs: 255,
    call: (...patterns) => {
      if (!options.hashFiles)
        throw new ExpressionError('hashFiles() can only be used in steps, where there is a workspace');
      return new data.StringData(options.hashFiles(patterns.map((pattern) => pattern.coerceString())));
    },
  };
  return [
    answer('success', status.success),
    answer('failure', status.failure),
    answer('cancelled', status.cancelled),
    answer('always', true),
    hashFiles,
    ...budgetedFunctions(),
  ];
}

function fromJson(value: Json): data.ExpressionData {
  return JSON.parse(JSON.stringify(value), data.reviver) as data.ExpressionData;
}

function toJson(value: data.ExpressionData): Json {
  return JSON.parse(JSON.stringify(value, data.replacer)) as Json;
}

/** How GitHub turns a value into text: in `env`, in `with`, in outputs. */
export function textOf(value: Json): string {
  if (value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export function textMembers(value: Json): Record<string, string> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, textOf(member)]));
}

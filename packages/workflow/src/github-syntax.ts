import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { convertOn } from '@actions/workflow-parser/model/converter/events';
import { convertJobs } from '@actions/workflow-parser/model/converter/jobs';
import type { ActionStep, RunStep } from '@actions/workflow-parser/model/workflow-template';
import { JSONObjectReader } from '@actions/workflow-parser/templates/json-object-reader';
import { TemplateSchema } from '@actions/workflow-parser/templates/schema/index';
import {
  TemplateContext,
  TemplateValidationErrors,
} from '@actions/workflow-parser/templates/template-context';
import { readTemplate } from '@actions/workflow-parser/templates/template-reader';
import {
  type LiteralToken,
  type MappingToken,
  StringToken,
  type TemplateToken,
} from '@actions/workflow-parser/templates/tokens/index';
import { NoOperationTraceWriter } from '@actions/workflow-parser/templates/trace-writer';
import { YamlObjectReader } from '@actions/workflow-parser/workflows/yaml-object-reader';
import { type ErrorCode, HoldfastError } from '@holdfast/contract/errors.ts';

/**
 * GitHub's own parser behind one door. The package's main module imports JSON without an import
 * attribute, which Node refuses; its inner modules do not, so the schema is read from disk here.
 */
export interface ParsedTree {
  readonly file: string;
  readonly root: MappingToken;
  readonly context: TemplateContext;
}

export type ConvertedStep = ActionStep | RunStep;

mendMultilineScalars();

export function parseTree(file: string, text: string, kind: 'workflow' | 'action'): ParsedTree {
  const context = new TemplateContext(
    new TemplateValidationErrors(),
    schemaOf(kind),
    new NoOperationTraceWriter(),
  );
  const fileId = context.getFileId(file);
  const reader = new YamlObjectReader(fileId, text);
  const broken = reader.errors[0];
  if (broken) {
    const sentence = (broken.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
    throw new HoldfastError('workflowInvalid', `broken YAML: ${sentence}`, {
      place: { file, line: broken.range?.start.line ?? 1, column: broken.range?.start.column ?? 1 },
    });
  }
  const root = readTemplate(context, `${kind}-root-strict`, reader, fileId);
  const tree = { file, root: root as MappingToken, context };
  throwFirst(tree);
  return tree;
}

export interface ConvertedWorkflow {
  readonly events: ReturnType<typeof convertOn>;
  readonly jobs: ReturnType<typeof convertJobs>;
}

/** Checks what the schema cannot: needs, cycles, ids, filters. Throws the first problem. */
export function convertTree(tree: ParsedTree): ConvertedWorkflow {
  const events = convertOn(tree.context, tree.root.find('on') as TemplateToken);
  const jobs = convertJobs(tree.context, tree.root.find('jobs') as TemplateToken);
  throwFirst(tree);
  return { events, jobs };
}

function throwFirst(tree: ParsedTree): void {
  const [first] = tree.context.errors.getErrors();
  if (!first) return;
  const at = first.range?.start ?? { line: 1, column: 1 };
  throw new HoldfastError('workflowInvalid', first.rawMessage, {
    place: { file: tree.file, line: at.line, column: at.column },
  });
}

export function refuseAt(
  tree: ParsedTree,
  token: TemplateToken | undefined,
  sentence: string,
  code: ErrorCode = 'workflowUnsupported',
): never {
  throw new HoldfastError(code, sentence, {
    place: { file: tree.file, line: token?.range?.start.line ?? 1, column: token?.range?.start.column ?? 1 },
  });
}

const schemas = new Map<string, TemplateSchema>();

function schemaOf(kind: 'workflow' | 'action'): TemplateSchema {
  const known = schemas.get(kind);
  if (known) return known;
  const file = new URL(`./${kind}-v1.0.min.json`, import.meta.resolve('@actions/workflow-parser'));
  const schema = TemplateSchema.load(
    new JSONObjectReader(undefined, readFileSync(fileURLToPath(file), 'utf8')),
  );
  schemas.set(kind, schema);
  return schema;
}

/**
 * The parser (0.3.61) interpolates a block scalar from its raw source, indentation included, so
 * that `run: |` with an expression comes out wrong. Without the source it uses the value.
 */
function mendMultilineScalars(): void {
  const reader = YamlObjectReader as unknown as {
    getLiteralToken(file: number | undefined, range: LiteralToken['range'], node: unknown): LiteralToken;
  };
  const original = reader.getLiteralToken;
  reader.getLiteralToken = (file, range, node) => {
    const token = original(file, range, node);
    if (!(token instanceof StringToken) || !range || range.start.line === range.end.line) return token;
    return new StringToken(file, range, token.value, undefined, undefined, token.blockScalarHeader);
  };
}

import { isCollection, isMap, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { HoldfastError, type Place } from '../errors.ts';

/** A YAML text, its value, and where each part of it stands. */
export interface ReadYaml {
  readonly value: unknown;
  place(path: readonly PropertyKey[]): Place;
}

export function readYaml(file: string, text: string): ReadYaml {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const broken = document.errors[0];
  if (broken) {
    throw new HoldfastError('configInvalid', `broken YAML: ${broken.message}`, { place: at(broken.pos[0]) });
  }
  return {
    value: document.toJS(),
    place: (path) => at(offsetOf(document.contents as Node | null, path)),
  };
}

/** The offset of the deepest node on the path that exists: of its key where it has one. */
function offsetOf(root: Node | null, path: readonly PropertyKey[]): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key),
      );
      if (!pair) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isCollection(node)) {
      node = node.items[Number(key)];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    }
  }
  return offset;
}

/** Validates, or throws the first problem with its place and what was expected. */
export function validateYaml<Schema extends z.ZodType>(read: ReadYaml, schema: Schema): z.output<Schema> {
  const checked = schema.safeParse(read.value);
  if (checked.success) return checked.data;
  const { path, sentence } = firstProblem(checked.error.issues as readonly z.core.$ZodIssue[]);
  throw new HoldfastError('configInvalid', sentence, { place: read.place(path) });
}

interface YamlProblem {
  readonly path: readonly PropertyKey[];
  readonly sentence: string;
}

/** The first issue, of a union the one that got deepest: that is the form the user meant. */
function firstProblem(issues: readonly z.core.$ZodIssue[]): YamlProblem {
  const { path, message } = innermost(issues, []);
  const unknown = message === UNKNOWN_KEY;
  const text = path.map(String).join('.');
  return { path, sentence: unknown ? `${message} ${text}` : text === '' ? message : `${text}: ${message}` };
}

const UNKNOWN_KEY = 'unknown key';

function innermost(
  issues: readonly z.core.$ZodIssue[],
  above: readonly PropertyKey[],
): { readonly path: readonly PropertyKey[]; readonly message: string } {
  const issue = issues[0] as z.core.$ZodIssue;
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys')
    return { path: [...path, issue.keys[0] as string], message: UNKNOWN_KEY };
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return { path, message: issue.message };
  const deepest = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0] as readonly z.core.$ZodIssue[];
  return innermost(deepest, path);
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length));
}

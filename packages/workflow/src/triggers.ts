import type { MappingToken } from '@actions/workflow-parser/templates/tokens/index';
import { TokenType } from '@actions/workflow-parser/templates/tokens/types';
import { type ConvertedWorkflow, type ParsedTree, refuseAt } from './github-syntax.ts';

/** When a workflow runs. This version knows push and workflow_dispatch. */
export interface Triggers {
  readonly push: PushFilter | null;
  readonly dispatch: { readonly inputs: { readonly [name: string]: DispatchInput } } | null;
}

export interface PushFilter {
  readonly branches: readonly string[] | null;
  readonly branchesIgnore: readonly string[];
  readonly tags: readonly string[] | null;
  readonly tagsIgnore: readonly string[];
}

export interface DispatchInput {
  readonly type: string;
  readonly required: boolean;
  readonly default: string | number | boolean | null;
  readonly options: readonly string[];
}

const SUPPORTED = ['push', 'workflow_dispatch'];

export function readTriggers(tree: ParsedTree, events: ConvertedWorkflow['events']): Triggers {
  const on = tree.root.find('on');
  const named =
    on?.templateTokenType === TokenType.Mapping ? [...(on as MappingToken)].map(({ key }) => key) : [];
  for (const name of Object.keys(events)) {
    if (SUPPORTED.includes(name)) continue;
    const token = named.find((key) => key.toString() === name) ?? on;
    refuseAt(
      tree,
      token,
      `the event ${name} is not supported by this version, expected ${SUPPORTED.join(' or ')}`,
    );
  }
  const push = events.push as Record<string, string[]> | undefined;
  for (const filter of ['paths', 'paths-ignore']) {
    if (!push?.[filter]) continue;
    const mapping = (on as MappingToken).find('push') as MappingToken;
    refuseAt(tree, mapping.find(filter), `the filter ${filter} is not supported by this version; remove it`);
  }
  if (push) checkPatterns(tree, push);
  const dispatch = events.workflow_dispatch as
    | { inputs?: Record<string, Partial<DispatchInput>> }
    | undefined;
  return {
    push: push ? pushFilter(push) : null,
    dispatch: dispatch ? { inputs: dispatchInputs(dispatch.inputs ?? {}) } : null,
  };
}

/** Character classes and repetition of GitHub's patterns are not read, so they are refused. */
function checkPatterns(tree: ParsedTree, push: Record<string, string[]>): void {
  const wrong = Object.values(push)
    .flat()
    .find((pattern) => /[[\]+\\]/.test(pattern));
  if (wrong)
    refuseAt(
      tree,
      tree.root.find('on'),
      `the pattern ${wrong} uses [], + or \\, which this version does not read; expected *, ** and ?`,
    );
}

function pushFilter(push: Record<string, string[]>): PushFilter {
  return {
    branches: push.branches ?? null,
    branchesIgnore: push['branches-ignore'] ?? [],
    tags: push.tags ?? null,
    tagsIgnore: push['tags-ignore'] ?? [],
  };
}

function dispatchInputs(given: Record<string, Partial<DispatchInput>>): Record<string, DispatchInput> {
  return Object.fromEntries(
    Object.entries(given).map(([name, input]) => [
      name,
      {
        type: input.type ?? 'string',
        required: input.required ?? false,
        default: input.default ?? null,
        options: input.options ?? [],
      },
    ]),
  );
}

/** Does a push to this ref start the workflow? GitHub: a filter on one kind of ref alone excludes the other. */
export function matchesPush(filter: PushFilter, ref: string): boolean {
  const branch = /^refs\/heads\/(.+)$/.exec(ref)?.[1];
  const tag = /^refs\/tags\/(.+)$/.exec(ref)?.[1];
  const onlyTags =
    (filter.tags !== null || filter.tagsIgnore.length > 0) &&
    filter.branches === null &&
    filter.branchesIgnore.length === 0;
  const onlyBranches =
    (filter.branches !== null || filter.branchesIgnore.length > 0) &&
    filter.tags === null &&
    filter.tagsIgnore.length === 0;
  if (branch !== undefined) return !onlyTags && passes(branch, filter.branches, filter.branchesIgnore);
  if (tag !== undefined) return !onlyBranches && passes(tag, filter.tags, filter.tagsIgnore);
  return false;
}

function passes(name: string, wanted: readonly string[] | null, ignored: readonly string[]): boolean {
  if (ignored.some((pattern) => globMatches(pattern, name))) return false;
  if (wanted === null) return true;
  // Later patterns win; `!` takes back.
  return wanted.reduce((kept, pattern) => {
    if (pattern.startsWith('!')) return kept && !globMatches(pattern.slice(1), name);
    return kept || globMatches(pattern, name);
  }, false);
}

/**
 * GitHub's filter patterns: `*` within a path part, `**` across parts, `?` any one character of a
 * part. Two pointers and one way back a star: linear, whatever somebody pushes.
 */
export function globMatches(pattern: string, name: string): boolean {
  const parts = pattern.match(/\*\*|[\s\S]/g) ?? [];
  let at = 0;
  let from = 0;
  let star: { readonly at: number; readonly deep: boolean } | null = null;
  let resume = 0;
  while (from < name.length) {
    const part = parts[at];
    if (part === '*' || part === '**') {
      star = { at, deep: part === '**' };
      at += 1;
      resume = from;
    } else if (part !== undefined && (part === name[from] || (part === '?' && name[from] !== '/'))) {
      at += 1;
      from += 1;
    } else if (star !== null && (star.deep || name[resume] !== '/')) {
      at = star.at + 1;
      resume += 1;
      from = resume;
    } else return false;
  }
  while (parts[at] === '*' || parts[at] === '**') at += 1;
  return at === parts.length;
}

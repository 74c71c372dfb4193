import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { ColumnDef, Node } from '@pgsql/types';
import { deparseSync } from 'pgsql-deparser';
import { typeText } from './names.ts';
import { parseExpression, parseSql } from './parse-sql.ts';

/** Spaces within quotes mean something. */
const QUOTED_OR_SPACE =
  /([eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\2\$)|\s+/g;

/** From the grammar's tree back to SQL, for the rewrites. */
export function statementText(node: Node): string {
  const text = textOf(node);
  return sameOrThrow(text, node, () => parseSql(text, text)[0]?.node);
}

export function expressionText(node: Node | undefined): string {
  if (!node) return '';
  const text = textOf(node);
  return sameOrThrow(text, node, () => parseExpression(text, text));
}

export function columnTypeText({ typeName }: ColumnDef): string {
  return typeName ? textOf({ TypeName: typeName }) : typeText(typeName);
}

function textOf(node: Node): string {
  return deparseSync(node)
    .replaceAll(QUOTED_OR_SPACE, (_, quoted?: string) => quoted ?? ' ')
    .replace(/;\s*$/, '')
    .trim();
}

/** The printer (18.3) leaves out parentheses that mean something: what it prints is read again. */
function sameOrThrow(text: string, node: Node, readAgain: () => Node | undefined): string {
  let again: Node | undefined;
  try {
    again = readAgain();
  } catch {
    // Not even SQL any more.
  }
  if (JSON.stringify(meaningOf(node)) === JSON.stringify(meaningOf(again))) return text;
  throw new HoldfastError(
    'migrationInvalid',
    `this version cannot print an expression back without changing what it means: it would become ${text}; write it in another form, such as CASE WHEN … END or without a condition in parentheses before IS, IN and BETWEEN`,
  );
}

const PLACES = /^(?:.*location|rexpr_list_start|rexpr_list_end|list_start|list_end)$/;
const USUAL: { readonly [key: string]: string } = { accessMethod: 'btree' };

/** Without where it stood, and without what says the same as nothing. */
function meaningOf(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(meaningOf);
  if (typeof tree !== 'object' || tree === null) return tree;
  return Object.fromEntries(
    Object.entries(tree)
      .filter(
        ([key, inner]) => !PLACES.test(key) && inner !== undefined && inner !== false && inner !== USUAL[key],
      )
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, inner]) => [key, meaningOf(inner)]),
  );
}

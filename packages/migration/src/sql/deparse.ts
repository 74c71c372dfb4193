import type { ColumnDef, Node } from '@pgsql/types';
import { deparseSync } from 'pgsql-deparser';
import { typeText } from './names.ts';

/** Spaces within quotes mean something. */
const QUOTED_OR_SPACE =
  /([eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\2\$)|\s+/g;

/** From the grammar's tree back to SQL, for the rewrites. */
export function statementText(node: Node): string {
  return deparseSync(node)
    .replaceAll(QUOTED_OR_SPACE, (_, quoted?: string) => quoted ?? ' ')
    .replace(/;\s*$/, '')
    .trim();
}

export function expressionText(node: Node | undefined): string {
  return node ? statementText(node) : '';
}

export function columnTypeText({ typeName }: ColumnDef): string {
  return typeName ? statementText({ TypeName: typeName }) : typeText(typeName);
}

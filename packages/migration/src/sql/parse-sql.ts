import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Node } from '@pgsql/types';
import { hasSqlDetails, loadModule, parseSync } from 'libpg-query';
import { acceptancesIn, placeAt } from './comments.ts';
import type { Statement } from './statement.ts';

/**
 * PostgreSQL's grammar, compiled to WebAssembly. The only file that knows the parser: it is one
 * person's project, and another one (pg-query-emscripten) could take its place here.
 */
let loaded: Promise<void> | undefined;

export async function loadParser(): Promise<void> {
  loaded ??= loadModule();
  await loaded;
}

/** Statements in order. The parser must have been loaded. Errors carry file, line and column. */
export function parseSql(file: string, text: string): readonly Statement[] {
  const bytes = Buffer.from(text, 'utf8');
  const slice = (from: number, to: number) => bytes.subarray(from, to).toString('utf8');
  let ended = 0;
  return read(file, text).map(({ stmt, stmt_location: from = 0, stmt_len: length }) => {
    // Up to 17 a statement begins with the comments before it, from 18 on behind them.
    const raw = slice(from, length ? from + length : bytes.length);
    const lead = leadOf(raw);
    const comments = slice(ended, from) + lead;
    ended = length ? from + length : bytes.length;
    const node = stmt as Node;
    return {
      kind: Object.keys(node)[0] ?? '',
      node,
      text: raw.slice(lead.length).trimEnd(),
      place: placeAt(file, slice(0, from) + lead),
      accepted: acceptancesIn(comments),
    };
  });
}

/** One expression, as it may stand in a SELECT. */
export function parseExpression(file: string, text: string): Node {
  const [statement, ...more] = parseSql(file, `SELECT ${text}`);
  const select = statement && 'SelectStmt' in statement.node ? statement.node.SelectStmt : null;
  const [target, ...others] = select?.targetList ?? [];
  if (!target || !('ResTarget' in target) || more.length > 0 || others.length > 0 || select?.fromClause)
    throw new HoldfastError('migrationInvalid', `${file}: expected one SQL expression, found ${text}`);
  return target.ResTarget.val as Node;
}

interface RawStatement {
  readonly stmt?: Node;
  readonly stmt_location?: number;
  readonly stmt_len?: number;
}

function read(file: string, text: string): readonly RawStatement[] {
  if (leadOf(text) === text) return [];
  try {
    return parseSync(text).stmts ?? [];
  } catch (error) {
    if (!hasSqlDetails(error)) throw error;
    const { line, column } = placeAt(
      file,
      [...text].slice(0, error.sqlDetails?.cursorPosition ?? 0).join(''),
    );
    throw new HoldfastError('migrationInvalid', `${file}:${line}:${column}: ${error.message}`, {
      cause: error,
    });
  }
}

/** White space and comments before a statement. */
function leadOf(raw: string): string {
  return /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/.exec(raw)?.[0] ?? '';
}

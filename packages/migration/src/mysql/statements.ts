import { HoldfastError } from '@holdfast/contract/errors.ts';
import { acceptancesIn, placeAt } from '../sql/comments.ts';
import type { Acceptance, Place } from '../sql/statement.ts';

/**
 * Statements of a file for MySQL or MariaDB, as far as their way to run must be known: which table an ALTER changes
 * and how. Their inside is the server's to read: it refuses an algorithm that it cannot keep before any work.
 */
export interface MysqlStatement {
  readonly kind: 'alter' | 'create' | 'drop';
  readonly table: string;
  /** What follows ALTER TABLE name; of the other kinds the whole statement. */
  readonly text: string;
  /** The same without what stands in quotes: words in a comment or a default are no words of the statement. */
  readonly bare: string;
  readonly place: Place;
  readonly accepted: readonly Acceptance[];
}

const QUOTED = `'(?:[^'\\\\]|\\\\[\\s\\S]|'')*'|"(?:[^"\\\\]|\\\\[\\s\\S]|"")*"|\`(?:[^\`]|\`\`)*\``;
/** Quoted text and comments are passed over as a whole; a semicolon outside them ends a statement. */
const TOKEN = new RegExp(`${QUOTED}|--(?=\\s|$)[^\\n]*|#[^\\n]*|\\/\\*[\\s\\S]*?\\*\\/|[\\s\\S]`, 'g');
const NAME = '(`(?:[^`]|``)+`|[\\w$\\u0080-\\uffff]+)';

interface Piece {
  readonly text: string;
  readonly comments: string;
  readonly before: string;
}

export function readMysql(file: string, text: string): readonly MysqlStatement[] {
  return piecesOf(file, text).map(({ text: sql, comments, before }) => {
    const place = placeAt(file, before);
    const statement = statementOf(sql, place);
    return { ...statement, bare: bareOf(statement.text), place, accepted: acceptancesIn(comments) };
  });
}

/** Quoted names become words, quoted text becomes nothing. */
function bareOf(sql: string): string {
  return sql
    .replaceAll(new RegExp(QUOTED, 'g'), (quoted) => (quoted.startsWith('`') ? 'quoted_name' : "''"))
    .replaceAll(/\s+/g, ' ');
}

function piecesOf(file: string, text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let [sql, comments, from] = ['', '', 0];
  const end = () => {
    if (sql.trim() !== '') pieces.push({ text: sql.trim(), comments, before: text.slice(0, from) });
    sql = '';
    comments = '';
  };
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const comment = /^(?:--|#|\/\*)/.test(token);
    // Not a comment for the server: it would do what stands in it.
    if (/^\/\*(?:!|M!|\+)/.test(token))
      throw invalid(placeAt(file, text.slice(0, index)), token, 'no comment that the server reads');
    if (token === ';') end();
    else if (comment) {
      comments += `${token}\n`;
      sql += ' ';
    } else {
      if (sql.trim() === '' && token.trim() !== '') from = index;
      sql += token;
    }
  }
  end();
  return pieces;
}

function statementOf(sql: string, place: Place): Pick<MysqlStatement, 'kind' | 'table' | 'text'> {
  const alter = match(`^ALTER\\s+TABLE\\s+(?!IF\\s+EXISTS\\b)${NAME}\\s+(.+)$`, sql);
  if (alter) return { kind: 'alter', table: unquoted(alter[1]), text: alter[2] ?? '' };
  const index = match(
    `^CREATE\\s+((?:UNIQUE|FULLTEXT)\\s+)?INDEX\\s+${NAME}\\s+ON\\s+${NAME}\\s*(\\(.+)$`,
    sql,
  );
  if (index)
    return {
      kind: 'alter',
      table: unquoted(index[3]),
      text: `ADD ${index[1] ?? ''}INDEX ${index[2]} ${index[4]}`,
    };
  const dropIndex = match(`^DROP\\s+INDEX\\s+${NAME}\\s+ON\\s+${NAME}$`, sql);
  if (dropIndex) return { kind: 'alter', table: unquoted(dropIndex[2]), text: `DROP INDEX ${dropIndex[1]}` };
  const create = match(`^CREATE\\s+TABLE\\s+(?:IF\\s+NOT\\s+EXISTS\\s+)?${NAME}\\s*\\(.+$`, sql);
  if (create) return { kind: 'create', table: unquoted(create[1]), text: sql };
  const drop = match(`^DROP\\s+TABLE\\s+(?:IF\\s+EXISTS\\s+)?${NAME}$`, sql);
  if (drop) return { kind: 'drop', table: unquoted(drop[1]), text: sql };
  throw invalid(
    place,
    sql,
    'ALTER TABLE, CREATE TABLE, DROP TABLE, CREATE INDEX or DROP INDEX of a table named alone',
  );
}

function match(pattern: string, sql: string): RegExpExecArray | null {
  return new RegExp(pattern, 'is').exec(sql);
}

function unquoted(name = ''): string {
  return name.startsWith('`') ? name.slice(1, -1).replaceAll('``', '`') : name;
}

function invalid({ file: path, line, column }: Place, found: string, expected: string): HoldfastError {
  const start = found.replaceAll(/\s+/g, ' ').slice(0, 60);
  return new HoldfastError(
    'migrationInvalid',
    `${path}:${line}:${column}: expected ${expected}, found "${start}"`,
  );
}

import { ANY, type Change, orNull, shape } from './change.ts';

/** Columns that one release has and the other does not know, and columns that become required. */
const note = (token: number) => `note ${token}`;
const NOTES = 'CREATE TABLE notes (id bigint PRIMARY KEY, note text NOT NULL)';
const NULLABLE = 'CREATE TABLE notes (id bigint PRIMARY KEY, note text, code text)';
const CODES = 'CREATE TABLE notes (id bigint PRIMARY KEY, note text NOT NULL, code text NOT NULL)';
const noted = shape('notes', { note: 'text' }, (token) => [note(token)]);

export const SINGLE_COLUMNS: readonly Change[] = [
  {
    name: 'add-column',
    apart: true,
    yaml: `- addColumn: { table: notes, column: kind, type: text, default: "'usual'", notNull: true }`,
    schema: NOTES,
    old: noted,
    new: {
      ...shape('notes', { note: 'text', kind: 'text' }, (token) => [note(token), `kind ${token}`]),
      shows: (token, by) => [note(token), by === 'old' ? 'usual' : `kind ${token}`],
    },
  },
  {
    name: 'add-column-nullable',
    apart: true,
    says: true,
    yaml: `- addColumn: { table: notes, column: kind, type: text, value: "'usual'" }`,
    schema: NOTES,
    old: noted,
    new: {
      ...shape('notes', { note: 'text', kind: 'text' }, (token) => [
        note(token),
        orNull(token, `kind ${token}`),
      ]),
      shows: (token, by) => [note(token), by === 'old' ? 'usual' : orNull(token, `kind ${token}`)],
    },
  },
  {
    name: 'drop-column',
    apart: true,
    yaml: '- dropColumn: { table: notes, column: code }',
    nullable: 'notes.code text',
    schema: CODES,
    old: {
      ...shape('notes', { note: 'text', code: 'text' }, (token) => [note(token), `code ${token}`]),
      shows: (token, by) => [note(token), by === 'old' ? `code ${token}` : ANY],
    },
    new: noted,
  },
  {
    name: 'drop-column-down',
    apart: true,
    says: true,
    yaml: `- dropColumn: { table: notes, column: code, down: "'gone'" }`,
    schema: NULLABLE,
    old: {
      ...shape('notes', { note: 'text', code: 'text' }, (token) => [
        note(token),
        orNull(token, `code ${token}`),
      ]),
      shows: (token, by) => [note(token), by === 'old' ? orNull(token, `code ${token}`) : ANY],
    },
    new: noted,
  },
  {
    name: 'set-not-null',
    yaml: `- setNotNull: { table: notes, column: code, value: "'none'" }`,
    schema: NULLABLE,
    old: {
      ...shape('notes', { code: 'text' }, (token) => [orNull(token, `code ${token}`)]),
      // Null until its value takes its place.
      shows: (token, by) => [token % 10 === 0 && by === 'old' ? [null, 'none'] : `code ${token}`],
    },
    new: {
      ...shape('notes', { code: 'text' }, (token) => [`code ${token}`]),
      shows: (token, by) => [token % 10 === 0 && by === 'old' ? 'none' : `code ${token}`],
    },
  },
  {
    name: 'set-not-null-checked',
    yaml: '- setNotNull: { table: notes, column: note }',
    schema: 'CREATE TABLE notes (id bigint PRIMARY KEY, note text)',
    old: noted,
    new: noted,
  },
];

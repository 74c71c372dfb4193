import { ANY, type Change, orNull, shape } from './change.ts';

/** Whole tables, and a file with several changes of one table. */
const item = (token: number) => [`item ${token}`];
const mail = (token: number) => `m${token}@example.com`;

export const TABLES: readonly Change[] = [
  {
    name: 'rename-table',
    yaml: '- renameTable: { table: items, to: wares }',
    schema: 'CREATE TABLE items (id bigint PRIMARY KEY, name text NOT NULL)',
    old: shape('items', { name: 'text' }, item),
    new: shape('wares', { name: 'text' }, item),
  },
  {
    name: 'drop-table',
    yaml: '- dropTable: { table: legacy }',
    schema: `CREATE TABLE items (id bigint PRIMARY KEY, name text NOT NULL);
      CREATE TABLE legacy (id bigint PRIMARY KEY, item_id bigint REFERENCES items (id) ON DELETE CASCADE)`,
    old: {
      ...shape('items', { name: 'text' }, item),
      also: 'INSERT INTO legacy (id, item_id) VALUES ($1, $1) ON CONFLICT (id) DO UPDATE SET item_id = excluded.item_id',
    },
    new: shape('items', { name: 'text' }, item),
  },
  {
    name: 'several',
    apart: true,
    yaml: `- rename: { table: accounts, column: mail, to: email }
  - retype: { table: accounts, column: total, to: cents, type: bigint, up: "round(total * 100)", down: "cents / 100.0" }
  - addColumn: { table: accounts, column: kind, type: text, default: "'usual'", notNull: true }
  - dropColumn: { table: accounts, column: code }
  - addIndex: { table: accounts, columns: [kind], name: accounts_kind }
  - addCheck: { table: accounts, name: positive, check: "cents > 0" }`,
    schema: `CREATE TABLE accounts (id bigint PRIMARY KEY, mail text NOT NULL, total numeric(14,2), code text NOT NULL);
      CREATE UNIQUE INDEX accounts_mail ON accounts (mail)`,
    old: {
      ...shape('accounts', { mail: 'text', total: 'numeric', code: 'text' }, (token) => [
        mail(token),
        orNull(token, (token / 100).toFixed(2)),
        `code ${token}`,
      ]),
      shows: (token, by) => [
        mail(token),
        orNull(token, (token / 100).toFixed(2)),
        by === 'old' ? `code ${token}` : ANY,
      ],
    },
    new: {
      ...shape('accounts', { email: 'text', cents: 'bigint', kind: 'text' }, (token) => [
        mail(token),
        orNull(token, String(token)),
        `kind ${token}`,
      ]),
      shows: (token, by) => [
        mail(token),
        orNull(token, String(token)),
        by === 'old' ? 'usual' : `kind ${token}`,
      ],
    },
  },
];

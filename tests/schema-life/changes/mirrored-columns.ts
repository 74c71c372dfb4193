import { type Change, orNull, shape } from './change.ts';

/** Changes that are a second column: what either release writes, both read. */
const mail = (token: number) => [`m${token}@example.com`];
const person = (token: number) => [orNull(token, `First${token} Last${token}`)];
const names = (token: number) => [orNull(token, `First${token}`), orNull(token, `Last${token}`)];
const PEOPLE = `CREATE TABLE people (id bigint PRIMARY KEY, mail text NOT NULL, note text, CHECK (mail <> ''));
  CREATE UNIQUE INDEX people_mail ON people (mail)`;

export const MIRRORED_COLUMNS: readonly Change[] = [
  {
    name: 'rename',
    yaml: '- rename: { table: people, column: mail, to: email }',
    schema: PEOPLE,
    old: shape('people', { mail: 'text' }, mail),
    new: shape('people', { email: 'text' }, mail),
  },
  {
    name: 'rename-views',
    yaml: '- rename: { table: people, column: mail, to: email, views: app_7 }',
    schema: PEOPLE,
    old: shape('people', { mail: 'text' }, mail),
    new: shape('app_7.people', { email: 'text' }, mail),
  },
  {
    name: 'retype',
    yaml: '- retype: { table: orders, column: total, to: cents, type: bigint, up: "round(total * 100)", down: "cents / 100.0" }',
    schema:
      'CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(14,2), note text); CREATE INDEX orders_total ON orders (total)',
    old: shape('orders', { total: 'numeric' }, (token) => [orNull(token, (token / 100).toFixed(2))]),
    new: shape('orders', { cents: 'bigint' }, (token) => [orNull(token, String(token))]),
  },
  {
    name: 'split',
    yaml: `- split:
      table: people
      column: name
      into:
        first_name: { type: text, up: "split_part(name, ' ', 1)" }
        last_name: { type: text, up: "split_part(name, ' ', 2)" }
      down: "first_name || ' ' || last_name"`,
    schema: 'CREATE TABLE people (id bigint PRIMARY KEY, name text, note text)',
    old: shape('people', { name: 'text' }, person),
    new: shape('people', { first_name: 'text', last_name: 'text' }, names),
  },
  {
    name: 'merge',
    yaml: `- merge:
      table: people
      columns: { first_name: "split_part(name, ' ', 1)", last_name: "split_part(name, ' ', 2)" }
      into: name
      type: text
      up: "first_name || ' ' || last_name"`,
    schema: 'CREATE TABLE people (id bigint PRIMARY KEY, first_name text, last_name text, note text)',
    old: shape('people', { first_name: 'text', last_name: 'text' }, names),
    new: shape('people', { name: 'text' }, person),
  },
];

import { expect, test } from 'vitest';
import { readMigrations } from './read-migrations.ts';

const file = (path: string, text = 'SELECT 1;') => ({ path: `db/migrations/${path}`, text });
const read = (...files: readonly ReturnType<typeof file>[]) => readMigrations('db/migrations/', files);

test('folders of our own, in order', () => {
  const found = read(
    file('0010_split/migration.yaml', 'changes: []'),
    file('0007_rename/expand.sql'),
    file('0007_rename/contract.sql'),
  );
  expect(found.map(({ version, name, form }) => [version, name, form])).toEqual([
    [7, 'rename', 'phases'],
    [10, 'split', 'declared'],
  ]);
});

test('files of golang-migrate, node-pg-migrate and Flyway', () => {
  expect(
    read(file('000007_rename.up.sql'), file('000007_rename.down.sql')).map(({ version }) => version),
  ).toEqual([7]);
  const [one] = read(
    file('1733000000000_add-note.sql', '-- Up Migration\nSELECT 1;\n-- Down Migration\nSELECT 2;'),
  );
  expect(one).toMatchObject({ version: 1733000000000, name: 'add-note', form: 'plain' });
  expect(one?.files[0]?.text).toBe('-- Up Migration\nSELECT 1;\n');
  for (const [up, down] of [
    ['-- +goose Up', '-- +goose Down'],
    ['-- migrate:up', '-- migrate:down'],
  ])
    expect(read(file('8_carts.sql', `${up}\nSELECT 1;\n${down}\nSELECT 2;`))[0]?.files[0]?.text).toBe(
      `${up}\nSELECT 1;\n`,
    );
  expect(read(file('V2__b.sql'), file('V1__a.sql'), file('U2__b.sql')).map(({ version }) => version)).toEqual(
    [1, 2],
  );
  expect(read(file('V1.10__b.sql'), file('V1.9__a.sql'), file('V2__c.sql')).map(({ name }) => name)).toEqual([
    'a',
    'b',
    'c',
  ]);
});

test('where a file is cut changes no digest that was written down before', () => {
  const digest = (text: string) => read(file('7_a.sql', text))[0]?.digest;
  expect(digest('SELECT 1;\n-- migrate:down\nSELECT 2;')).not.toBe(digest('SELECT 1;\n'));
  expect(digest('SELECT 1;\n-- Down Migration\nSELECT 2;')).toBe(digest('SELECT 1;\n'));
});

test('whatever is named otherwise is said, not skipped', () => {
  expect(() => read(file('rename.sql'))).toThrow('db/migrations/rename.sql: expected a name such as');
  expect(() => read(file('R__views.sql'))).toThrow('repeatable');
  expect(() => read(file('7_a.js'))).toThrow('written in a program');
  expect(() => read(file('rename/expand.sql'))).toThrow('expected a folder such as 0007_rename_email');
  expect(() => read(file('7_a/up.sql'))).toThrow('expected one of expand.sql');
  expect(() => read(file('7_a/migration.yaml'), file('7_a/expand.sql'))).toThrow('says it all');
  expect(() => read(file('7_a.sql'), file('0007_b.sql'))).toThrow('have the same version 7');
});

test('other content is another digest, another order of files is not', () => {
  const digest = (text: string) => read(file('7_a.sql', text))[0]?.digest;
  expect(digest('SELECT 1;')).not.toBe(digest('SELECT 2;'));
  const both = [file('7_a/expand.sql', 'SELECT 1;'), file('7_a/contract.sql', 'SELECT 2;')];
  expect(read(...both)[0]?.digest).toBe(read(...both.toReversed())[0]?.digest);
});

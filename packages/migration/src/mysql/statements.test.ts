import { expect, test } from 'vitest';
import { lintMysql } from './plan-of-mysql.ts';
import { readMysql } from './statements.ts';

const rulesOf = (text: string) =>
  lintMysql({
    version: 1,
    name: 'a',
    digest: '',
    form: 'phases',
    files: [{ path: 'expand.sql', text, phase: 'expand' }],
  }).map(({ rule }) => rule);

test('statements end at semicolons outside of quotes and comments, and know their places', () => {
  const text =
    "-- a; comment\nALTER TABLE `a``b` ADD COLUMN c text DEFAULT 'x; -- y' # z;\n;\n/* ; */ CREATE INDEX i ON t (c);";
  expect(readMysql('f.sql', text)).toMatchObject([
    {
      kind: 'alter',
      table: 'a`b',
      text: "ADD COLUMN c text DEFAULT 'x; -- y'",
      place: { line: 2, column: 1 },
    },
    { kind: 'alter', table: 't', text: 'ADD INDEX i (c)', place: { line: 4, column: 9 } },
  ]);
  expect(() => readMysql('f.sql', 'UPDATE t SET a = 1')).toThrow('f.sql:1:1: expected ALTER TABLE');
  expect(() => readMysql('f.sql', 'ALTER TABLE t ADD c int /*! , DROP d */')).toThrow(
    'no comment that the server reads',
  );
});

test.each([
  'ALTER TABLE t DROP COLUMN a',
  'ALTER TABLE t DROP `a`',
  'ALTER TABLE t DROP été',
  'ALTER TABLE t ADD b int, DROP a',
  'ALTER TABLE t RENAME COLUMN a TO b',
  'ALTER TABLE t RENAME keyed',
  'ALTER TABLE t CHANGE a b int',
  'ALTER TABLE t DROP PARTITION p',
  'ALTER TABLE t TRUNCATE PARTITION p',
  'ALTER TABLE t DISCARD TABLESPACE',
  'ALTER TABLE t ENGINE=BLACKHOLE',
  'DROP TABLE IF EXISTS t',
])('%s takes away what the release before reads', (text) =>
  expect(rulesOf(text)).toContain('mysql-takes-away'),
);

test.each([
  "ALTER TABLE t ADD a int COMMENT 'we drop this later'",
  "ALTER TABLE t ALTER a SET DEFAULT 'change me'",
  'ALTER TABLE t DROP INDEX a, DROP KEY b, DROP PRIMARY KEY',
  'ALTER TABLE t RENAME  INDEX a\n TO b',
  "ALTER TABLE t MODIFY a int COMMENT 'row lock = yes'",
  'ALTER TABLE t ADD COLUMN IF NOT EXISTS a int',
])('%s takes nothing away', (text) => expect(rulesOf(text)).toEqual([]));

test.each([
  'ALTER TABLE t ADD CONSTRAINT `my fk` FOREIGN KEY (a) REFERENCES b (id)',
  'ALTER TABLE t ADD COLUMN c int REFERENCES b (id)',
])('%s is a foreign key', (text) => expect(rulesOf(text)).toEqual(['mysql-foreign-key']));

test('the way is not the author’s to choose', () => {
  expect(rulesOf('ALTER TABLE t ADD a int, ALGORITHM=COPY')).toEqual(['mysql-lock']);
  expect(rulesOf('ALTER TABLE t ADD a int, LOCK NONE')).toEqual(['mysql-lock']);
});

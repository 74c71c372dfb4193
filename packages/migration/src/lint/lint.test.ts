import { beforeAll, describe, expect, test } from 'vitest';
import { type Catalog, type TableFacts, unknownCatalog } from '../catalog/catalog.ts';
import { loadParser } from '../sql/parse-sql.ts';
import { hinders } from './finding.ts';
import { lint } from './lint.ts';
import { sarifReport } from './report/sarif.ts';
import { textReport } from './report/text.ts';
import { RULES } from './rules.ts';

beforeAll(loadParser);

const file = (text: string, phase: 'expand' | 'backfill' | 'contract' | 'plain' = 'expand') => ({
  path: '0007/expand.sql',
  text,
  phase,
});

/** A server on which the rule's own bad example is bad. */
function catalogFor(rule: string): Catalog {
  if (rule === 'index-corruption') return { ...unknownCatalog(14), live: true, serverVersionNumber: 140_002 };
  return unknownCatalog();
}

describe.each(RULES.map((rule) => [rule.name, rule] as const))('%s', (name, rule) => {
  test('finds its bad example', () => {
    const phase = name.startsWith('backfill') ? 'backfill' : 'expand';
    const found = lint(file(rule.bad, phase), catalogFor(name));
    expect(found.map((finding) => finding.rule)).toContain(name);
    expect(found.every(({ message }) => !message.includes('undefined'))).toBe(true);
  });

  test('lets its good example pass', () => {
    const found = lint(file(rule.good, rule.goodPhase ?? 'expand'), catalogFor(name));
    expect(found.filter((finding) => finding.rule === name || hinders(finding))).toEqual([]);
  });

  test('rewrites into what has no finding itself', () => {
    const found = lint(file(rule.bad), catalogFor(name)).find((finding) => finding.rule === name);
    for (const [phase, statements] of Object.entries(found?.instead ?? {})) {
      const again = lint(file(statements.join(';\n'), phase as 'expand'), catalogFor(name));
      expect(again.filter(hinders), statements.join(';\n')).toEqual([]);
    }
  });
});

test('a rewrite keeps everything that was asked for, and is let pass itself', () => {
  const rewritten = (text: string) => {
    const found = lint(file(text), unknownCatalog()).find(({ instead }) => instead !== null);
    const statements = found?.instead?.contract ?? [];
    const again = lint(file(statements.join(';\n'), 'contract'), unknownCatalog());
    expect(again.filter(hinders), statements.join(';\n')).toEqual([]);
    return statements;
  };
  expect(
    rewritten(
      'ALTER TABLE a ADD CONSTRAINT k UNIQUE NULLS NOT DISTINCT (b, "C") INCLUDE (d) DEFERRABLE INITIALLY DEFERRED',
    ),
  ).toEqual([
    'CREATE UNIQUE INDEX CONCURRENTLY k ON a (b, "C") INCLUDE (d) NULLS NOT DISTINCT',
    'ALTER TABLE a ADD CONSTRAINT k UNIQUE USING INDEX k DEFERRABLE INITIALLY DEFERRED',
  ]);
  const key = rewritten('ALTER TABLE a ADD PRIMARY KEY (id, part)');
  expect(key.filter((text) => text.endsWith('SET NOT NULL'))).toHaveLength(2);
  expect(key.at(-1)).toBe('ALTER TABLE a ADD CONSTRAINT a_pkey PRIMARY KEY USING INDEX a_pkey');
  expect(rewritten('ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0) NO INHERIT')[0]).toContain(
    'NO INHERIT NOT VALID',
  );
  expect(rewritten('ALTER TABLE a ADD CONSTRAINT k UNIQUE (b) WITH (fillfactor = 70)')).toEqual([]);
});

test('what the release that runs would have to obey is said, unless the column is new', () => {
  const rules = (text: string, phase: 'expand' | 'contract' = 'expand') =>
    lint(file(text, phase), unknownCatalog()).map(({ rule }) => rule);
  expect(rules('ALTER TABLE a ADD COLUMN b int; CREATE UNIQUE INDEX CONCURRENTLY i ON a (b);')).toEqual([]);
  expect(
    rules('ALTER TABLE a ADD COLUMN b int; ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0) NOT VALID;'),
  ).toEqual([]);
  for (const text of [
    'CREATE UNIQUE INDEX CONCURRENTLY i ON a (b)',
    'ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0) NOT VALID',
    'ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES c (id) NOT VALID',
  ]) {
    expect(rules(text), text).toContain('binds-writers');
    expect(rules(text, 'contract'), text).not.toContain('binds-writers');
  }
  for (const text of [
    'ALTER TYPE mood RENAME TO feeling',
    'ALTER TABLE a SET SCHEMA old',
    'ALTER FUNCTION f(int) RENAME TO g',
    'ALTER ROUTINE f(int) RENAME TO g',
  ])
    expect(rules(text), text).toContain('rename');
  for (const text of [
    'CREATE TABLE scratch (id int); DROP TABLE scratch, orders',
    'CREATE TABLE scratch (id int); TRUNCATE scratch, orders',
    'DROP PROCEDURE p(int)',
    'DROP FOREIGN TABLE f',
  ])
    expect(rules(text), text).toContain('drop-object');
  for (const text of ['VACUUM FULL', 'CLUSTER']) expect(rules(text), text).not.toEqual([]);
  expect(rules('CREATE TABLE scratch (id int); DROP TABLE scratch')).toEqual([]);
});

test('of several subcommands none is left out by a rewrite', () => {
  const [found] = lint(file('ALTER TABLE a ALTER b SET NOT NULL, ALTER b SET DEFAULT 1'), unknownCatalog());
  expect(found?.instead).toBeNull();
  expect(found?.message).toContain('give each subcommand a statement of its own');
});

test('partitioned tables are told what they can have', () => {
  const facts: TableFacts = { ...table, kind: 'partitioned', rows: 1e9, bytes: 1e12 };
  const catalog: Catalog = { ...unknownCatalog(15), live: true, table: () => facts };
  for (const text of [
    'CREATE INDEX CONCURRENTLY i ON events (id)',
    'CREATE INDEX i ON events (id)',
    'ALTER TABLE events ADD CONSTRAINT k UNIQUE (id)',
    'ALTER TABLE events ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES b (id)',
  ]) {
    const errors = lint(file(text), catalog).filter(hinders);
    expect(errors.map(({ message }) => message).join(' '), text).toMatch(/each partition/);
    expect(
      errors.every(({ instead }) => instead === null),
      text,
    ).toBe(true);
  }
  expect(
    lint(file('CREATE INDEX i ON ONLY events (id)'), catalog).filter(({ rule }) => rule === 'create-index'),
  ).toEqual([]);
});

test('what the file itself creates nobody uses yet', () => {
  const text =
    'CREATE TABLE a (id bigint); CREATE INDEX i ON a (id); ALTER TABLE a ALTER COLUMN id SET NOT NULL;';
  expect(lint(file(text), unknownCatalog())).toEqual([]);
});

test('what was checked of one table proves nothing of another, and a moved index is not known', () => {
  const check = 'ADD CONSTRAINT c CHECK (email IS NOT NULL) NOT VALID';
  const text = `ALTER TABLE a ${check}; ALTER TABLE a VALIDATE CONSTRAINT c; ALTER TABLE b ALTER COLUMN email SET NOT NULL`;
  const rules = (sql: string) => lint(file(sql), unknownCatalog()).map(({ rule }) => rule);
  expect(rules(text)).toContain('set-not-null');
  expect(rules(text.replaceAll('TABLE b', 'TABLE a'))).not.toContain('set-not-null');
  expect(lint(file('ALTER INDEX i SET TABLESPACE fast'), unknownCatalog()).some(hinders)).toBe(true);
  expect(rules('CREATE TABLE IF NOT EXISTS a AS SELECT 1 AS id; CREATE INDEX i ON a (id)')).toContain(
    'create-index',
  );
});

test('a table that may have been there before is not new', () => {
  const text = 'CREATE TABLE IF NOT EXISTS a (id bigint); CREATE INDEX i ON a (id);';
  expect(lint(file(text), unknownCatalog()).map(({ rule }) => rule)).toEqual(['create-index']);
});

test('now() as a default is quick, a volatile function is not, an unknown one counts as volatile', () => {
  const rules = (fallback: string) =>
    lint(file(`ALTER TABLE a ADD COLUMN b timestamptz DEFAULT ${fallback}`), unknownCatalog()).map(
      ({ rule }) => rule,
    );
  expect(rules('now()')).toEqual([]);
  expect(rules('CURRENT_TIMESTAMP')).toEqual([]);
  expect(rules('clock_timestamp()')).toEqual(['add-column-volatile-default']);
  expect(rules('my_own()')).toEqual(['add-column-volatile-default']);
});

test('a finding is accepted with a reason, and only with one', () => {
  const why = lint(
    file('-- holdfast-accept drop-column: nobody ever read it\nALTER TABLE a DROP COLUMN b;'),
    unknownCatalog(),
  );
  expect(why.map(({ rule, accepted }) => [rule, accepted])).toEqual([['drop-column', 'nobody ever read it']]);
  expect(why.some(hinders)).toBe(false);
  const none = lint(file('-- holdfast-accept drop-column\nALTER TABLE a DROP COLUMN b;'), unknownCatalog());
  expect(none.map(({ rule }) => rule)).toEqual(['drop-column', 'acceptance']);
  expect(none.some(hinders)).toBe(true);
  const unknown = lint(file('-- holdfast-accept drop-colum: typo\nSELECT 1;'), unknownCatalog());
  expect(unknown[0]?.message).toBe('there is no rule drop-colum');
});

test('findings have the place of the statement, also behind multi-byte text and comments', () => {
  const text = "-- ä\nSELECT 'öß';\n\n  /* ü */ CREATE INDEX i\n    ON a (b);";
  const [found] = lint(file(text), unknownCatalog());
  expect(found?.place).toEqual({ file: '0007/expand.sql', line: 4, column: 11 });
  expect(found?.statement).toBe('CREATE INDEX i\n    ON a (b)');
});

test('a syntax error names the line and the column', () => {
  expect(() => lint(file("SELECT 'ä';\nALTER TABEL a;"), unknownCatalog())).toThrow(
    '0007/expand.sql:2:7: syntax error at or near "TABEL"',
  );
});

const table: TableFacts = {
  name: 'orders',
  kind: 'table',
  rows: 5_000_000,
  bytes: 800_000_000,
  writes: 12,
  reads: 40,
  columns: [
    {
      name: 'name',
      type: 'character varying(20)',
      notNull: false,
      default: null,
      generated: false,
      virtual: false,
      collation: null,
      sequence: null,
      readers: [],
      kept: false,
      identity: false,
    },
  ],
  constraints: [
    {
      name: 'c',
      kind: 'check',
      columns: ['email'],
      validated: true,
      definition: 'CHECK ((email IS NOT NULL))',
      references: null,
      referencedColumns: [],
    },
  ],
  indexes: [],
  defaultPartition: null,
  partitions: [],
  partitionKey: null,
  parents: [],
  beforeTriggers: false,
};
const live = (facts: Partial<TableFacts> = {}): Catalog => ({
  ...unknownCatalog(15),
  live: true,
  table: (name) => (name === 'orders' ? { ...table, ...facts } : null),
});

test('a live catalog knows what is proved, what is small, and what stays as it is', () => {
  const rules = (text: string, catalog = live()) =>
    lint(file(text), catalog).map(({ rule, severity }) => `${severity} ${rule}`);
  expect(rules('ALTER TABLE orders ALTER COLUMN email SET NOT NULL')).toEqual([]);
  expect(rules('ALTER TABLE orders ALTER COLUMN name TYPE varchar(40)')).toEqual([]);
  expect(rules('ALTER TABLE orders ALTER COLUMN name TYPE text')).toEqual([]);
  expect(rules('ALTER TABLE orders ALTER COLUMN name TYPE varchar(10)')).toEqual([
    'error change-column-type',
  ]);
  expect(rules('CREATE INDEX i ON orders (name)')).toEqual(['error create-index']);
  expect(rules('CREATE INDEX i ON orders (name)', live({ rows: 100, bytes: 16_384 }))).toEqual([
    'note create-index',
  ]);
});

test('another type is another promise, however small the table is', () => {
  const small = { rows: 100, bytes: 16_384 };
  const typed = (type: string) =>
    live({ ...small, columns: table.columns.map((column) => ({ ...column, type })) });
  const rules = (type: string, text: string, phase: 'expand' | 'contract' = 'expand') =>
    lint({ ...file(`ALTER TABLE orders ALTER COLUMN name TYPE ${text}`), phase }, typed(type))
      .filter(({ severity }) => severity === 'error')
      .map(({ rule }) => rule);
  for (const [from, to] of [
    ['integer', 'bigint'],
    ['smallint', 'int'],
    ['bigint', 'numeric'],
    ['real', 'float8'],
    ['character varying(20)', 'text'],
    ['character varying(20)', 'varchar(40)'],
    ['numeric(10,2)', 'numeric(12,2)'],
    ['integer', 'bigint USING name::bigint'],
  ] as const)
    expect([from, to, rules(from, to)]).toEqual([from, to, []]);
  for (const [from, to] of [
    ['bigint', 'integer'],
    ['text', 'varchar(40)'],
    ['text', 'citext'],
    ['text', 'jsonb USING name::jsonb'],
    ['timestamp without time zone', 'timestamptz'],
    ['numeric(10,2)', 'numeric(12,4)'],
    ['integer', 'integer[] USING ARRAY[name]'],
    ['integer', 'integer USING name * 100'],
  ] as const) {
    expect([from, to, rules(from, to)]).toEqual([from, to, ['other-values']]);
    expect([from, to, rules(from, to, 'contract')]).toEqual([from, to, []]);
  }
});

test('the reports say where, what is locked, how big it is and what to write', () => {
  const findings = lint(file('CREATE INDEX i ON orders (name)'), live());
  expect(textReport(findings)).toBe(
    [
      '0007/expand.sql:1:1: error: writes to orders wait until i is built [create-index]',
      '  lock: SHARE on orders, reads all of it; writes wait',
      '  orders: 5,000,000 rows, 762.9 MiB',
      '  instead, expand: CREATE INDEX CONCURRENTLY i ON orders (name);',
    ].join('\n'),
  );
  const sarif = sarifReport(findings) as {
    runs: { results: { ruleId: string; level: string }[]; tool: { driver: { rules: unknown[] } } }[];
  };
  expect(sarif.runs[0]?.results[0]).toMatchObject({ ruleId: 'create-index', level: 'error' });
  expect(sarif.runs[0]?.tool.driver.rules).toHaveLength(RULES.length);
});

test('work that hides inside another statement is found', () => {
  const rules = (text: string) => lint(file(text), unknownCatalog()).map(({ rule }) => rule);
  expect(rules('WITH gone AS (DELETE FROM orders RETURNING id) SELECT count(*) FROM gone')).toEqual([
    'bulk-change',
  ]);
  expect(rules('MERGE INTO orders o USING other x ON x.id = o.id WHEN MATCHED THEN DELETE')).toEqual([
    'bulk-change',
  ]);
  expect(rules('ALTER TABLE orders ADD COLUMN number int CHECK (number > 0)')).toEqual(['long-lock']);
  expect(rules('DO $$ BEGIN PERFORM 1; END $$')).toEqual(['unknown-statement']);
});

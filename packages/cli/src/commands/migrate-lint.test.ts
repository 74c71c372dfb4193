import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runHoldfast } from '@holdfast/testkit/run-holdfast.ts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

// Each starts programs, which a busy machine takes its time for.
vi.setConfig({ testTimeout: 60_000 });

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-lint-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
}

function lint(...words: string[]) {
  return runHoldfast(['migrate', 'lint', ...words], { cwd: root, env: { PATH: process.env.PATH } });
}

const INDEX = 'CREATE INDEX users_email ON users (email);\n';

test('what would lock people out is an error with its place, its rewrite, and exit code 1', async () => {
  write('db/migrations/0001_index.sql', INDEX);
  const { code, out } = await lint();
  expect(code).toBe(1);
  expect(out).toContain('db/migrations/0001_index.sql:1:1');
  expect(out).toContain('CREATE INDEX CONCURRENTLY');
  expect(out).toMatch(/1 schema change, \d+ findings?, 1 of them errors\n$/);
});

test('what is safe, or accepted with a reason, passes; without a reason it does not', async () => {
  write('db/migrations/0001_index.sql', INDEX.replace('INDEX', 'INDEX CONCURRENTLY'));
  expect((await lint()).code).toBe(0);
  write('db/migrations/0002_other.sql', `-- holdfast-accept create-index: the table is empty\n${INDEX}`);
  expect(await lint()).toMatchObject({
    code: 0,
    out: expect.stringContaining('because: the table is empty'),
  });
  write('db/migrations/0002_other.sql', `-- holdfast-accept create-index\n${INDEX}`);
  expect((await lint()).code).toBe(1);
  expect((await lint('--since', '2')).err).toBe('');
});

test('a declared change that is not one is an error with its place, also without a database', async () => {
  write(
    'db/migrations/0001_rename/migration.yaml',
    'changes:\n  - rename: { table: users, colum: mail, to: email }\n',
  );
  const wrong = await lint();
  expect(wrong.code).not.toBe(0);
  expect(wrong.err).toContain('db/migrations/0001_rename/migration.yaml:2');
  write(
    'db/migrations/0001_rename/migration.yaml',
    'changes:\n  - rename: { table: users, column: mail, to: email }\n',
  );
  expect(await lint()).toMatchObject({ code: 0, out: '1 schema change, 0 findings, 0 of them errors\n' });
});

test('JSON and SARIF say the same as the text', async () => {
  write('db/migrations/0001_index.sql', INDEX);
  const json = await lint('--format', 'json');
  const [finding] = JSON.parse(json.out) as { rule: string; place: { line: number } }[];
  expect([json.code, finding?.rule, finding?.place.line]).toEqual([1, 'create-index', 1]);
  expect((await lint('--json')).out).toBe(json.out);
  const sarif = await lint('--format', 'sarif');
  const document = JSON.parse(sarif.out);
  expect([sarif.code, document.version, document.runs[0].results[0].ruleId]).toEqual([
    1,
    '2.1.0',
    'create-index',
  ]);
});

test.each([
  [['--format', 'xml'], 'Allowed choices are text, json, sarif'],
  [['--since', 'yesterday'], '--since is a number such as 16, found yesterday'],
  [['--server', 'latest'], '--server is a number such as 16, found latest'],
  [['--trace'], '--trace needs --database URL'],
  [['nowhere'], 'there is no nowhere'],
  [['empty'], 'empty holds no schema change'],
])('%j is refused with exit code 2', async (words, sentence) => {
  write('db/migrations/0001_index.sql', INDEX);
  mkdirSync(join(root, 'empty'));
  expect(await lint(...words)).toMatchObject({ code: 2, err: expect.stringContaining(sentence) });
});

import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { app, customers, declared, openDatabase, session } from '../execute/phase-bench.ts';
import { describePlan } from './describe-plan.ts';
import { rehearse } from './rehearse.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());
beforeEach(() => openDatabase(server));

const plan = async (text: string) => {
  const source = declared(`changes:\n  - ${text}`);
  return describePlan(source, await rehearse(session, source), null);
};

test('a change is planned by the tables there are, before anything of it runs', async () => {
  await customers(300);
  await app.query('ANALYZE customers');
  const rename = await plan('rename: { table: customers, column: mail, to: email }');
  expect(new Set(rename.steps.map(({ phase }) => phase))).toEqual(
    new Set(['expand', 'backfill', 'verify', 'contract']),
  );
  expect(rename.steps.flatMap(({ locks }) => locks.map(({ lock }) => lock))).toContain('ACCESS EXCLUSIVE');
  expect(rename.sentences).toEqual([
    expect.stringMatching(/^The backfill goes over 300 rows, about .* when nothing slows it down\.$/),
    'The point of no return is the contract phase of 0007_test.',
  ]);
  const added = await plan('addIndex: { table: customers, columns: [mail], name: by_mail }');
  expect(added.sentences).toEqual(['It takes nothing away: there is no point of no return.']);
  const wrong = await plan('rename: { table: customers, column: male, to: email }');
  expect(wrong).toMatchObject({ steps: [], sentences: [expect.stringContaining('male')] });
  const { rows } = await session.query("SELECT 1 FROM pg_attribute WHERE attname = 'email'");
  expect(rows).toEqual([]);
});

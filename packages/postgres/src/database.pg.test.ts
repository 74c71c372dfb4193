import { newId } from '@holdfast/contract/id.ts';
import { type DatabaseRelay, type Fate, startDatabaseRelay } from '@holdfast/testkit/database-relay.ts';
import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Database } from './database.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

/** A database to which the first COMMIT, or whatever `word` is, has the fate that is told. */
async function onThinIce(word: string, fate: Fate) {
  const database = await server.database();
  await database.query('CREATE TABLE fact (id uuid PRIMARY KEY)');
  let met = 0;
  const relay: DatabaseRelay = await startDatabaseRelay(database, (said) => {
    if (!said.includes(word)) return 'pass';
    met += 1;
    return met === 1 ? fate : 'pass';
  });
  const through = new Database(relay.url);
  onTestFinished(async () => {
    await through.close();
    await relay.stop();
  });
  const id = newId();
  let worked = 0;
  const write = () =>
    through.transaction(async (sql) => {
      worked += 1;
      await sql.query('INSERT INTO fact (id) VALUES ($1) ON CONFLICT DO NOTHING', [id]);
      await sql.query('SELECT 1 AS last');
    });
  const facts = async () => (await database.query('SELECT id FROM fact')).rows.length;
  return { write, facts, worked: () => worked };
}

test('a commit whose answer is lost has an unknown outcome; it happened, and saying it again by its id adds nothing', async () => {
  const { write, facts, worked } = await onThinIce('COMMIT', 'cutAfter');
  await expect(write()).rejects.toMatchObject({ code: 'outcomeUnknown' });
  expect([await facts(), worked()]).toEqual([1, 1]);
  await write();
  expect(await facts()).toBe(1);
});

test('a commit that never arrives has an unknown outcome, too; it did not happen, and saying it again does it', async () => {
  const { write, facts, worked } = await onThinIce('COMMIT', 'cutBefore');
  await expect(write()).rejects.toMatchObject({ code: 'outcomeUnknown' });
  expect([await facts(), worked()]).toEqual([0, 1]);
  await write();
  expect(await facts()).toBe(1);
});

test('a connection that breaks before the commit changed nothing, and is not in doubt; saying it again does it', async () => {
  const { write, facts, worked } = await onThinIce('AS last', 'cutAfter');
  await expect(write()).rejects.toMatchObject({ code: 'databaseUnavailable' });
  expect([await facts(), worked()]).toEqual([0, 1]);
  await write();
  expect(await facts()).toBe(1);
});

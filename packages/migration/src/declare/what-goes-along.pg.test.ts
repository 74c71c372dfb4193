import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { app, declared, openDatabase, rows, run, through } from '../execute/phase-bench.ts';

/** What stands on a column that is kept twice, and does not come over by itself. */
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());
beforeEach(() => openDatabase(server));

async function refusal(text: string): Promise<string> {
  const outcome = await run(declared(text), 'expand');
  return outcome.kind === 'failed' ? outcome.reason : outcome.kind;
}

test('a sequence of its own goes over with a column, and numbers go on', async () => {
  await app.query(
    'CREATE TABLE tickets (id serial PRIMARY KEY, number serial NOT NULL, part serial); INSERT INTO tickets DEFAULT VALUES; INSERT INTO tickets DEFAULT VALUES',
  );
  const source = declared(`changes:
  - rename: { table: tickets, column: number, to: counter }
  - retype: { table: tickets, column: part, to: piece, type: bigint, up: part, down: piece, default: "nextval('tickets_part_seq')" }`);
  await through(source, 'expand', 'backfill', 'verify');
  await app.query('INSERT INTO tickets DEFAULT VALUES');
  await through(source, 'contract');
  await app.query('INSERT INTO tickets DEFAULT VALUES');
  expect(await rows('SELECT counter, piece FROM tickets ORDER BY id')).toEqual(
    [1, 2, 3, 4].map((n) => ({ counter: n, piece: n })),
  );
  expect(await rows("SELECT pg_get_serial_sequence('tickets', 'counter') AS owned")).toEqual([
    { owned: 'public.tickets_number_seq' },
  ]);
  await app.query("SELECT setval('tickets_part_seq', 2147483647)");
  await app.query('INSERT INTO tickets DEFAULT VALUES');
});

test('what would go with an old column has to be named, and what is named has to be there', async () => {
  await app.query(
    `CREATE TABLE people (id bigint PRIMARY KEY, "name$x" text, name text CONSTRAINT named CHECK (name <> ''), code int CONSTRAINT positive CHECK (code > 0));
     CREATE INDEX by_name ON people (lower(name)); CREATE INDEX by_other ON people ("name$x"); CREATE INDEX by_code ON people (code);
     INSERT INTO people (id, name, code) VALUES (1, 'Ada Lovelace', 5)`,
  );
  const split = (leaves = '') => `changes:
  - split:
      table: people
      column: name
      into: { first: { type: text, up: "split_part(name, ' ', 1)" }, last: { type: text, up: "split_part(name, ' ', 2)" } }
      down: "first || ' ' || last"${leaves && `\n      leaves: ${leaves}`}`;
  expect(await refusal(split())).toBe(
    "m/7_test/migration.yaml: named (CHECK ((name <> ''::text))) and by_name (CREATE INDEX by_name ON public.people USING btree (lower(name))) would go with people.name; declare what the new column needs as changes of their own, and say leaves: [named, by_name]",
  );
  expect(await refusal(split('[named]'))).toContain('by_name');
  expect(await refusal(split('[named, by_name, by_code]'))).toContain('leaves names by_code');
  const retype = (leaves = '') =>
    `changes:\n  - retype: { table: people, column: code, to: number, type: text, up: "code::text", down: "number::int"${leaves} }`;
  expect(await refusal(retype())).toContain('positive (CHECK ((code > 0)))');

  await through(declared(split('[named, by_name]')), 'expand', 'backfill', 'verify', 'contract');
  await through(declared(retype(', leaves: [positive]'), 8), 'expand', 'backfill', 'verify', 'contract');
  expect(await rows('SELECT first, last, number FROM people')).toEqual([
    { first: 'Ada', last: 'Lovelace', number: '5' },
  ]);
  // The index came over by itself.
  expect(await rows("SELECT indexname FROM pg_indexes WHERE tablename = 'people' ORDER BY 1")).toEqual([
    { indexname: 'by_code_number' },
    { indexname: 'by_other' },
    { indexname: 'people_pkey' },
  ]);
});

test.each([
  ['policy', 'CREATE POLICY own_rows ON accounts USING (owner = current_user)', 'the policy own_rows'],
  [
    'trigger',
    'CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$; CREATE TRIGGER audited AFTER UPDATE OF owner ON accounts FOR EACH ROW EXECUTE FUNCTION audit()',
    'the trigger audited',
  ],
  ['publication', 'CREATE PUBLICATION owners FOR TABLE accounts (id, owner)', 'the publication owners'],
  [
    'function',
    'CREATE FUNCTION first_owner() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT owner FROM accounts LIMIT 1; END',
    'the function first_owner',
  ],
])('what a %s names is not kept twice nor dropped: that would fail in the end', async (_, made, who) => {
  await app.query(`CREATE TABLE accounts (id bigint PRIMARY KEY, owner text); ${made}`);
  const said = `m/7_test/migration.yaml: accounts.owner is read by ${who}`;
  expect(await refusal('changes:\n  - rename: { table: accounts, column: owner, to: keeper }')).toContain(
    said,
  );
  expect(await refusal('changes:\n  - dropColumn: { table: accounts, column: owner }')).toContain(said);
});

import { newId } from '@holdfast/contract/id.ts';
import type { AgentNews } from '@holdfast/core/pipeline/reports.ts';
import { queuedRun } from '@holdfast/testkit/sample-runs.ts';
import { sqlWorld } from '@holdfast/testkit/sql-world.ts';
import { startTestServer, type TestServer } from '@holdfast/testkit/test-database.ts';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database, Prepared, Queryable } from '../database.ts';
import { LeaseFloors } from './lease-floors.ts';
import { applyNews } from './news-store.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const [PAST, DEAD] = [2_000, 2_000];

test('what others held while a transaction was open elsewhere is not read again for each word of an agent', async () => {
  const database = await server.database();
  const { store, addRun } = sqlWorld(database, { jobsPerRepository: 1_000 });
  const { run, jobId } = queuedRun();
  await addRun(run, 'shop');
  const [agentId, sessionId] = [newId(), newId()];
  const described = { name: 'a', labels: ['linux'], zone: '', slots: 9, host: false, address: '' };
  await store.transaction((tx) => tx.greet({ id: agentId, sessionId, ...described }));
  const forgotten = new pg.Client({ connectionString: database.url });
  await forgotten.connect();
  try {
    // The planner's picture: many jobs, nearly none with an agent.
    await database.query(`INSERT INTO job SELECT ended.* FROM job, generate_series(1, ${PAST}) AS n, jsonb_populate_record(job,
      jsonb_build_object('id', gen_random_uuid(), 'ordinal', n, 'state', 'succeeded', 'ended_at', clock_timestamp())) AS ended`);
    await database.query('ANALYZE job');
    await forgotten.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM job');
    await database.query(`DO $$ BEGIN FOR turn IN 1..${DEAD} LOOP
      UPDATE job SET agent_id = gen_random_uuid(), granted_at = clock_timestamp() WHERE id = '${jobId}'; END LOOP; END $$`);
    expect(await blocksRead(database, { agentId, sessionId })).toBeLessThan(DEAD / 10);
  } finally {
    await forgotten.end();
  }
});

/** By the statement that takes an agent's news in, where there is none. */
async function blocksRead(
  database: Database,
  agent: Pick<AgentNews, 'agentId' | 'sessionId'>,
): Promise<number> {
  let blocks = 0;
  const counting: Queryable = {
    query: async (statement) => {
      const { text, values } = statement as Prepared;
      const { rows } = await database.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
        `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`,
        values,
      );
      const plan = rows[0]?.['QUERY PLAN'][0].Plan;
      blocks = (plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0);
      return database.query(text, values);
    },
  };
  const news = { ...agent, reports: [], logs: [] };
  await applyNews(counting, [news], { floors: new LeaseFloors(() => 0), queue: { left: () => {} } });
  return blocks;
}

import { Database } from '@holdfast/postgres/database.ts';
import { migrate } from '@holdfast/postgres/migrate.ts';
import { sampleWorkflow } from '@holdfast/testkit/sample-runs.ts';
import type { BenchDatabase } from '../orchestrator/database.ts';

/**
 * Runs that have ended, one every thirty seconds until now, each with a job of two steps, their
 * attempts and their logs, as agents and the run machine leave them behind.
 */
export interface PastRuns {
  readonly runs: number;
  readonly databaseMiB: number;
}

const REPOSITORIES = 20;
const STEPS = 2;

export async function addPastRuns(server: BenchDatabase, name: string, runs: number): Promise<PastRuns> {
  const database = new Database(server.url(name), { connections: 1, name: 'bench' });
  await migrate(database).finally(() => database.close());
  return server.withClient(name, async (client) => {
    await client.query("SET synchronous_commit = off; SET work_mem = '256MB'");
    for (const statement of statements(runs)) await client.query(statement);
    await client.query('VACUUM (ANALYZE)');
    await client.query('CHECKPOINT');
    const size = await client.query<{ bytes: number }>(
      'SELECT pg_database_size(current_database())::float8 AS bytes',
    );
    return { runs, databaseMiB: Math.round((size.rows[0]?.bytes ?? 0) / 1024 ** 2) };
  });
}

/** In the order of time, as they would have come: ids are UUIDs of version 7. */
function statements(runs: number): readonly string[] {
  const definition = JSON.stringify(sampleWorkflow([{ key: 'job', steps: STEPS }]));
  const contexts = JSON.stringify({ github: { repository: 'shop', ref_name: 'main' }, inputs: {}, vars: {} });
  return [
    `INSERT INTO repository (id, name, url, poll_seconds, webhook_secret)
     SELECT uuidv7(), 'shop-' || n, '/none', 0, '\\x00' FROM generate_series(1, ${REPOSITORIES}) AS n`,
    `CREATE TEMP TABLE past AS
     SELECT n, uuidv7(-age) AS run, uuidv7(-age) AS job, clock_timestamp() - age AS at,
       (SELECT array_agg(id ORDER BY name) FROM repository)[1 + n % ${REPOSITORIES}] AS repository, md5((n % 200)::text)::uuid AS agent
     FROM (SELECT n, (${runs} - n) * interval '30 seconds' + interval '1 hour' AS age FROM generate_series(1, ${runs}) AS n)`,
    `CREATE TEMP TABLE past_attempt AS
     SELECT job, step, agent, uuidv7(at - clock_timestamp()) AS id, at FROM past CROSS JOIN generate_series(0, ${STEPS - 1}) AS step`,
    `INSERT INTO run (id, repository_id, number, workflow, name, event, ref, commit, message, definition, definition_hash, contexts, source, state,
       created_at, started_at, ended_at)
     SELECT run, repository, n, '.holdfast/workflows/ci.yml', 'ci', 'push', 'refs/heads/main', encode(sha256(n::text::bytea), 'hex'),
       'Change the shop for the ' || n || 'th time', '${definition}', md5('definition'), '${contexts}', 'sha256:' || encode(sha256(n::text::bytea), 'hex'),
       CASE WHEN n % 10 = 0 THEN 'failed' ELSE 'succeeded' END, at, at + interval '1 second', at + interval '20 seconds'
     FROM past ORDER BY n`,
    `INSERT INTO job (id, run_id, ordinal, key, name, state, matrix_index, matrix_total, fail_fast, max_parallel, labels, lane, continue_on_error,
       agent_id, epoch, granted_at, acknowledged_at, reported, repository_id, queued_at, started_at, ended_at)
     SELECT job, run, 0, 'job', 'job', CASE WHEN n % 10 = 0 THEN 'failed' ELSE 'succeeded' END, 0, 1, true, 0, '{linux}', 'agent', false,
       agent, 1, at, at, '{"reason": null, "outputs": {}, "conclusion": "succeeded"}', repository, at, at + interval '1 second', at + interval '20 seconds'
     FROM past ORDER BY n`,
    `INSERT INTO attempt (id, job_id, step_index, name, agent_id, epoch, state, counted, exit_code, started_at, ended_at)
     SELECT id, job, step, 'Run npm ' || step, agent, 1, 'succeeded', true, 0, at, at + interval '9 seconds' FROM past_attempt`,
    `INSERT INTO log_chunk (attempt_id, start, text, at)
     SELECT id, 0, convert_to('> npm test' || chr(10) || encode(sha256(id::text::bytea), 'hex') || chr(10), 'UTF8'), at FROM past_attempt`,
    'DROP TABLE past, past_attempt',
  ];
}

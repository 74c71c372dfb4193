import { PGlite } from '@electric-sql/pglite';
import type { Queryable, Transactor } from '@holdfast/postgres/database.ts';
import { placeEvents, readEvents } from '@holdfast/postgres/events/event-store.ts';
import { migrate } from '@holdfast/postgres/migrate.ts';
import { sqlWorld } from '@holdfast/testkit/sql-world.ts';
import type { AttemptFacts, Backend, Facts } from './backend.ts';
import type { Scheduler } from './scheduler.ts';

/**
 * The real SQL in this process, on PGlite: one database, emptied for each world, whose clock is the
 * scheduler's. Statements find our clocks before PostgreSQL's, because the search path says so; nothing
 * else in the SQL is different.
 */
export interface SqlWorlds {
  readonly open: (scheduler: Scheduler) => Promise<Backend>;
  close(): Promise<void>;
}

const CLOCKS = ['clock_timestamp', 'statement_timestamp', 'transaction_timestamp', 'now'].map(
  (name) => `
  CREATE FUNCTION public.${name}() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS $$ SELECT to_timestamp(current_setting('simulation.now')::float8 / 1000) $$;`,
);

const TABLES = 'run, job, attempt, agent, log_chunk, event, outbox, duty, repository';

export async function openSqlWorlds(): Promise<SqlWorlds> {
  const lite = await PGlite.create();
  await lite.exec(`SELECT set_config('simulation.now', '0', false); ${CLOCKS.join('')}
    SET search_path = public, pg_catalog;`);
  const database = new LiteDatabase(lite);
  await migrate(database);
  return {
    open: async (scheduler) => {
      database.now = () => scheduler.now;
      await lite.exec(`TRUNCATE ${TABLES} CASCADE`);
      await database.query(
        'UPDATE liveness SET looked_at = clock_timestamp(), grace_until = clock_timestamp()',
      );
      return backendOn(database);
    },
    close: () => lite.close(),
  };
}

function backendOn(database: LiteDatabase): Backend {
  const { store, addRun } = sqlWorld(database, { jobsPerRepository: 1_000, now: () => database.now() });
  let known = new Set<string>();
  return {
    store,
    addRun: async (run, repository) => {
      if (known.has(run.id)) return;
      await addRun(run, repository);
      known = new Set([...known, run.id]);
    },
    job: async (jobId) => (await jobs(database, 'WHERE id = $1', [jobId]))[0] ?? null,
    look: () => look(database),
    placeEvents: async () => void (await placeEvents(database)),
    eventsAfter: async (position) => {
      const found = await readEvents(database, position, 10_000);
      const ids = await database.query<{ id: number; position: number }>(
        'SELECT id, position FROM event WHERE position = ANY ($1::bigint[])',
        [found.map((event) => event.position)],
      );
      return ids.rows.map(({ id, position }) => ({ id: Number(id), position: Number(position) }));
    },
    eventsAboveId: () => Promise.reject(new Error('planted bugs live in the model')),
    close: async () => {},
  };
}

async function look(database: LiteDatabase): Promise<Facts> {
  const runs = await database.query<{ id: string; state: string }>('SELECT id, state FROM run');
  const attempts = await database.query<AttemptFacts>(
    'SELECT id, job_id AS "jobId", step_index AS index, epoch, state, counted FROM attempt',
  );
  const logs = await database.query<{ id: string; text: Uint8Array }>(
    `SELECT attempt_id AS id, string_agg(text, '' ORDER BY start) AS text FROM log_chunk GROUP BY attempt_id`,
  );
  const events = await database.query<{ id: number }>('SELECT id FROM event');
  return {
    runs: runs.rows,
    jobs: await jobs(database, '', []),
    attempts: attempts.rows.map((row) => ({ ...row, epoch: Number(row.epoch) })),
    logs: new Map(logs.rows.map(({ id, text }) => [id, Buffer.from(text).toString('utf8')])),
    eventIds: events.rows.map((row) => Number(row.id)),
  };
}

async function jobs(
  database: LiteDatabase,
  where: string,
  values: unknown[],
): Promise<Facts['jobs'][number][]> {
  const found = await database.query<Facts['jobs'][number]>(
    `SELECT id, run_id AS "runId", key, epoch, resume_index AS "from", checkpoint, asks, state, reason, agent_id AS "agentId" FROM job ${where}`,
    values,
  );
  return found.rows.map((row) => ({ ...row, epoch: Number(row.epoch) }));
}

/** PGlite with our face: one connection, so one transaction at a time. */
class LiteDatabase implements Transactor {
  now: () => number = () => 0;
  private readonly lite: PGlite;
  private last: Promise<unknown> = Promise.resolve();

  constructor(lite: PGlite) {
    this.lite = lite;
  }

  query: Transactor['query'] = (statement, values) => this.alone(() => this.send(statement, values));

  transaction<Value>(work: (sql: Queryable) => Promise<Value>): Promise<Value> {
    return this.alone(async () => {
      await this.lite.exec('BEGIN');
      try {
        const value = await work({ query: (statement, values) => this.send(statement, values) });
        await this.lite.exec('COMMIT');
        return value;
      } catch (error) {
        await this.lite.exec('ROLLBACK');
        throw error;
      }
    });
  }

  private alone<Value>(work: () => Promise<Value>): Promise<Value> {
    const done = this.last.then(async () => {
      await this.lite.query(`SELECT set_config('simulation.now', $1, false)`, [String(this.now())]);
      return work();
    });
    this.last = done.catch(() => {});
    return done;
  }

  private send: Transactor['query'] = async (statement, values) => {
    const { text, values: own } =
      typeof statement === 'string' ? { text: statement, values: values ?? [] } : statement;
    if (own.length === 0 && text.includes(';')) {
      await this.lite.exec(text);
      return { rows: [], rowCount: 0 } as never;
    }
    const { rows, affectedRows } = await this.lite.query(text, own);
    return { rows, rowCount: affectedRows || rows.length } as never;
  };
}

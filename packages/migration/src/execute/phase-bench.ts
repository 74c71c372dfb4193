import type { MigrationSource } from '@holdfast/core/migration/source.ts';
import { DEFAULT_LIMITS } from '@holdfast/core/migration/throttle.ts';
import pg from 'pg';
import { readMigrations } from '../files/read-migrations.ts';
import { openSession, type Session } from './session.ts';
import { type Work, workOnPhase } from './work-on-phase.ts';

/** The executor on a real PostgreSQL, driven through its phases by hand: what its tests are made of. */
export let url: string;
export let session: Session;
/** Whoever else uses the database. */
export let app: pg.Client;

/** For `beforeEach`: a database of its own for each test. */
export async function openDatabase(server: {
  database(): Promise<{ readonly url: string }>;
}): Promise<() => Promise<void>> {
  url = (await server.database()).url;
  session = await openSession([url], 'migration');
  app = new pg.Client({ connectionString: url });
  await app.connect();
  return async () => {
    await app.end();
    await session.close();
  };
}

export function declared(text: string, version = 7): MigrationSource {
  const [source] = readMigrations('m', [{ path: `m/${version}_test/migration.yaml`, text }]);
  return source as MigrationSource;
}

export function sql(files: Record<string, string>): MigrationSource {
  const [source] = readMigrations(
    'm',
    Object.entries(files).map(([name, text]) => ({ path: `m/7_test/${name}.sql`, text })),
  );
  return source as MigrationSource;
}

let fence = 0;
export function work(source: MigrationSource, phase: Work['phase'], more: Partial<Work> = {}): Work {
  fence += 1;
  return {
    scope: 'shop/production',
    version: source.version,
    fence,
    source,
    phase,
    budgetMs: 60_000,
    limits: { ...DEFAULT_LIMITS, vacuumRunning: undefined as never, deadTuples: undefined as never },
    signals: [],
    userQuery: null,
    held: null,
    nice: 0,
    batchMs: 100,
    ...more,
  };
}

export const run = (source: MigrationSource, phase: Work['phase'], more: Partial<Work> = {}) =>
  workOnPhase(session, work(source, phase, more));
export const rows = async (text: string) => (await app.query(text)).rows;

export async function through(source: MigrationSource, ...phases: readonly Work['phase'][]): Promise<void> {
  for (const phase of phases) {
    const outcome = await run(source, phase);
    if (outcome.kind !== 'done') throw new Error(`${phase}: ${JSON.stringify(outcome)}`);
  }
}

export async function customers(count: number): Promise<void> {
  await app.query(
    `CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mail text NOT NULL, name text, CHECK (mail <> ''));
     CREATE UNIQUE INDEX customers_mail ON customers (mail);
     INSERT INTO customers (mail, name) SELECT 'm' || n, 'First' || n || ' Last' || n FROM generate_series(1, ${count}) n`,
  );
}

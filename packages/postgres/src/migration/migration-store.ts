import { checkMigration, checkStep } from '@holdfast/core/migration/invariants.ts';
import type { Migration, MigrationState } from '@holdfast/core/migration/migration.ts';
import type { MigrationSource } from '@holdfast/core/migration/source.ts';
import type { Queryable } from '../database.ts';

/** Schema changes of an environment: what is wanted of each, and how far it got. */
export interface MigrationRow {
  readonly environment_id: string;
  readonly version: number;
  readonly form: MigrationSource['form'];
  readonly data: Migration;
  readonly created_at: Date;
}

/** What a person asks of a change, waiting for its duty. */
export interface MigrationRequest {
  readonly id: string;
  readonly kind: 'pause' | 'resume' | 'contract' | 'abort' | 'expand';
}

/** In the order in which they run. */
export async function migrationsOf(sql: Queryable, environmentId: string): Promise<readonly MigrationRow[]> {
  const found = await sql.query<MigrationRow>(
    `SELECT environment_id, version::float8 AS version, source->>'form' AS form, data, created_at FROM migration WHERE environment_id = $1 ORDER BY version`,
    [environmentId],
  );
  return found.rows;
}

/** Its files, as they were when its work was begun: large, and asked for only by whoever works with them. */
export async function sourceOf(
  sql: Queryable,
  { environment_id: environmentId, version }: Pick<MigrationRow, 'environment_id' | 'version'>,
): Promise<MigrationSource> {
  const found = await sql.query<{ source: MigrationSource }>(
    'SELECT source FROM migration WHERE environment_id = $1 AND version = $2',
    [environmentId, version],
  );
  return (found.rows[0] as { source: MigrationSource }).source;
}

/** New, or with other files while nothing of it was done. */
export async function putMigration(
  sql: Queryable,
  environmentId: string,
  { source, data }: { readonly source: MigrationSource; readonly data: Migration },
): Promise<void> {
  checkMigration(data);
  await sql.query(
    `INSERT INTO migration (environment_id, version, source, data) VALUES ($1, $2, $3, $4)
     ON CONFLICT (environment_id, version) DO UPDATE SET source = excluded.source, data = excluded.data`,
    [environmentId, data.version, JSON.stringify(source), JSON.stringify(data)],
  );
  await record(sql, environmentId, data);
}

export async function saveMigration(
  sql: Queryable,
  environmentId: string,
  { before, after }: { readonly before: Migration; readonly after: Migration },
): Promise<void> {
  if (before === after) return;
  checkMigration(after);
  checkStep(before, after);
  await sql.query('UPDATE migration SET data = $3 WHERE environment_id = $1 AND version = $2', [
    environmentId,
    after.version,
    JSON.stringify(after),
  ]);
  if (before.state !== after.state) await record(sql, environmentId, after);
}

async function record(
  sql: Queryable,
  environmentId: string,
  { version, state, reason }: Migration,
): Promise<void> {
  await sql.query(
    'INSERT INTO migration_history (environment_id, version, state, reason) VALUES ($1, $2, $3, $4)',
    [environmentId, version, state, reason],
  );
}

export interface MigrationMoment {
  readonly at: Date;
  readonly state: MigrationState;
  readonly reason: string | null;
}

/** Oldest first; of a change that fluttered, the last two hundred moments. */
export async function historyOfMigration(
  sql: Queryable,
  environmentId: string,
  version: number,
): Promise<readonly MigrationMoment[]> {
  const found = await sql.query<MigrationMoment>(
    `SELECT at, state, reason FROM (SELECT * FROM migration_history WHERE environment_id = $1 AND version = $2 ORDER BY at DESC LIMIT 200) newest ORDER BY at`,
    [environmentId, version],
  );
  return found.rows;
}

export async function requestOfMigration(
  sql: Queryable,
  at: { readonly environmentId: string; readonly version: number },
  request: MigrationRequest,
): Promise<void> {
  await sql.query(
    `UPDATE migration SET requests = requests || $3::jsonb
     WHERE environment_id = $1 AND version = $2 AND NOT requests @> jsonb_build_array(jsonb_build_object('id', $4::text))`,
    [at.environmentId, at.version, JSON.stringify([request]), request.id],
  );
}

export async function takeMigrationRequests(
  sql: Queryable,
  environmentId: string,
): Promise<ReadonlyMap<number, readonly MigrationRequest[]>> {
  const taken = await sql.query<{ version: number; requests: MigrationRequest[] }>(
    `UPDATE migration SET requests = '[]' FROM (SELECT environment_id, version, requests FROM migration WHERE environment_id = $1 AND requests <> '[]' FOR UPDATE) old
     WHERE migration.environment_id = old.environment_id AND migration.version = old.version RETURNING old.version::float8 AS version, old.requests`,
    [environmentId],
  );
  return new Map(taken.rows.map(({ version, requests }) => [version, requests]));
}

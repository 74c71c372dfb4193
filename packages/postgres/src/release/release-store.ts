import type { EnvironmentConfig } from '@holdfast/contract/config/holdfast-yaml.ts';
import type { SchemaRange } from '@holdfast/core/migration/schema-range.ts';
import type { Queryable } from '../database.ts';

export interface ReleaseRow {
  readonly id: string;
  readonly environment_id: string;
  readonly number: number;
  readonly artifact_name: string;
  readonly artifact_digest: string;
  readonly config: EnvironmentConfig;
  /** Each secret named by the configuration: whose it is ('' is everybody's), and its version. */
  readonly secret_versions: {
    readonly [name: string]: { readonly repository: string; readonly version: number };
  };
  /** What it can live with, and the changes that its tree holds; null: it changes no database. */
  readonly schema: ReleaseSchema | null;
  readonly repository_id: string | null;
  readonly commit: string | null;
  readonly start_ms: number | null;
  readonly served_at: Date | null;
  readonly created_at: Date;
}

export interface ReleaseSchema {
  readonly range: SchemaRange;
  readonly versions: readonly { readonly version: number; readonly digest: string }[];
}

export type NewRelease = Omit<ReleaseRow, 'number' | 'start_ms' | 'served_at' | 'created_at'>;

/** Numbers count up within the environment, whose row is locked by taking one. */
export async function insertRelease(sql: Queryable, release: NewRelease): Promise<ReleaseRow> {
  const taken = await sql.query<{ number: number }>(
    'UPDATE environment SET next_number = next_number + 1 WHERE id = $1 RETURNING next_number - 1 AS number',
    [release.environment_id],
  );
  const made = await sql.query<ReleaseRow>(
    `INSERT INTO release (id, environment_id, number, artifact_name, artifact_digest, config, secret_versions, repository_id, commit, schema)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING *`,
    [
      release.id,
      release.environment_id,
      taken.rows[0]?.number,
      release.artifact_name,
      release.artifact_digest,
      JSON.stringify(release.config),
      JSON.stringify(release.secret_versions),
      release.repository_id,
      release.commit,
      release.schema === null ? null : JSON.stringify(release.schema),
    ],
  );
  return made.rows[0] as ReleaseRow;
}

export async function findRelease(sql: Queryable, id: string): Promise<ReleaseRow | null> {
  return (await sql.query<ReleaseRow>('SELECT * FROM release WHERE id = $1', [id])).rows[0] ?? null;
}

export async function releaseByNumber(
  sql: Queryable,
  environmentId: string,
  number: number,
): Promise<ReleaseRow | null> {
  return (
    (
      await sql.query<ReleaseRow>('SELECT * FROM release WHERE environment_id = $1 AND number = $2', [
        environmentId,
        number,
      ])
    ).rows[0] ?? null
  );
}

export async function listReleases(
  sql: Queryable,
  environmentId: string,
  limit: number,
  /** A release's number: only older ones. */
  before: number | null = null,
): Promise<readonly ReleaseRow[]> {
  return (
    await sql.query<ReleaseRow>(
      'SELECT * FROM release WHERE environment_id = $1 AND ($3::bigint IS NULL OR number < $3) ORDER BY number DESC LIMIT $2',
      [environmentId, limit, before],
    )
  ).rows;
}

/** The repository that released here last, of those that are still watched. */
export async function repositoryOf(
  sql: Queryable,
  environmentId: string,
): Promise<{ readonly id: string; readonly name: string } | null> {
  const found = await sql.query<{ id: string; name: string }>(
    `SELECT repository.id, repository.name FROM release JOIN repository ON repository.id = release.repository_id
     WHERE environment_id = $1 ORDER BY release.number DESC LIMIT 1`,
    [environmentId],
  );
  return found.rows[0] ?? null;
}

export async function noteServed(sql: Queryable, id: string): Promise<void> {
  await sql.query('UPDATE release SET served_at = clock_timestamp() WHERE id = $1', [id]);
}

export async function noteStartTime(sql: Queryable, id: string, startMs: number): Promise<void> {
  await sql.query('UPDATE release SET start_ms = $2 WHERE id = $1', [id, startMs]);
}

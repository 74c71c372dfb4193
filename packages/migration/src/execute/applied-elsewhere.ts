import type { Sql } from '../catalog/read-catalog.ts';
import type { MigrationSource } from '../files/read-migrations.ts';

/**
 * Whether the tool that a plain file was written for has applied it already: its own table says so.
 * Only read; the tool's history stays the tool's.
 */
export async function isAppliedElsewhere(
  sql: Sql,
  { form, version, files }: MigrationSource,
): Promise<boolean> {
  if (form !== 'plain') return false;
  const file =
    files[0]?.path
      .split('/')
      .at(-1)
      ?.replace(/\.sql$/, '') ?? '';
  for (const { table, query } of HISTORIES) {
    const { rows } = await sql.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [
      table,
    ]);
    if (!rows[0]?.there) continue;
    const found = await sql.query<{ applied: boolean }>(query, [
      query.includes('::bigint') ? String(version) : file,
    ]);
    if (found.rows[0]?.applied) return true;
  }
  return false;
}

const HISTORIES = [
  // golang-migrate keeps the newest version only; a dirty one was not finished.
  {
    table: 'schema_migrations',
    query:
      'SELECT coalesce(bool_or(version >= $1::bigint AND NOT dirty), false) AS applied FROM schema_migrations',
  },
  { table: 'pgmigrations', query: 'SELECT count(*) > 0 AS applied FROM pgmigrations WHERE name = $1' },
  {
    table: 'flyway_schema_history',
    query:
      "SELECT count(*) > 0 AS applied FROM flyway_schema_history WHERE success AND script = $1 || '.sql'",
  },
] as const;

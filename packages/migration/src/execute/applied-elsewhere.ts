import type { MigrationSource } from '@holdfast/core/migration/source.ts';
import type { Sql } from '../catalog/read-catalog.ts';

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
  for (const { table, columns, query } of HISTORIES) {
    const { rows } = await sql.query<{ there: boolean }>(
      'SELECT count(*) = cardinality($2::text[]) AS there FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = ANY ($2)',
      [table, columns],
    );
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
    columns: ['version', 'dirty'],
    query:
      'SELECT coalesce(bool_or(version >= $1::bigint AND NOT dirty), false) AS applied FROM schema_migrations',
  },
  {
    table: 'pgmigrations',
    columns: ['name'],
    query: 'SELECT count(*) > 0 AS applied FROM pgmigrations WHERE name = $1',
  },
  {
    table: 'flyway_schema_history',
    columns: ['success', 'script'],
    query:
      "SELECT count(*) > 0 AS applied FROM flyway_schema_history WHERE success AND script = $1 || '.sql'",
  },
] as const;

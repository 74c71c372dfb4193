import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Queryable, Transactor } from './database.ts';

/**
 * Brings the database to this version's shape. Files are numbered and never edited; each states in
 * its table row which versions may read and write afterwards. One migrator at a time, by an
 * advisory lock; a controller outside the stated range refuses to start.
 */
export const SCHEMA_VERSION = 12;

const LOCK = 5_270_413;

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  /** The oldest schema version whose code may still read or write after this file. */
  readonly minReader: number;
  readonly minWriter: number;
}

export async function migrate(database: Transactor): Promise<void> {
  const within = database.unhurried?.bind(database) ?? database.transaction.bind(database);
  await within(async (sql: Queryable) => {
    await sql.query(`SET LOCAL lock_timeout = '10s'`);
    await sql.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    const current = await currentVersion(sql);
    for (const migration of migrations()) {
      if (migration.version <= current) continue;
      await sql.query(migration.sql);
      await sql.query(
        'INSERT INTO schema_version (version, name, min_reader, min_writer) VALUES ($1, $2, $3, $4)',
        [migration.version, migration.name, migration.minReader, migration.minWriter],
      );
    }
    await checkFit(sql);
  });
}

async function currentVersion(sql: Queryable): Promise<number> {
  const table = await sql.query<{ found: string | null }>(
    `SELECT to_regclass('schema_version')::text AS found`,
  );
  if (table.rows[0]?.found === null) return 0;
  const row = await sql.query<{ version: number }>(
    'SELECT coalesce(max(version), 0) AS version FROM schema_version',
  );
  return row.rows[0]?.version ?? 0;
}

async function checkFit(sql: Queryable): Promise<void> {
  const newest = await sql.query<{ version: number; min_reader: number; min_writer: number }>(
    'SELECT version, min_reader, min_writer FROM schema_version ORDER BY version DESC LIMIT 1',
  );
  const row = newest.rows[0];
  if (row && (row.min_reader > SCHEMA_VERSION || row.min_writer > SCHEMA_VERSION)) {
    throw new HoldfastError(
      'schemaUnfit',
      `the database is at schema ${row.version}, which needs code of at least schema ${Math.max(row.min_reader, row.min_writer)}; this is ${SCHEMA_VERSION}`,
    );
  }
}

function migrations(): readonly Migration[] {
  const folder = sqlFolder();
  return readdirSync(folder)
    .filter((file) => /^\d{4}-.+\.sql$/.test(file))
    .sort()
    .map((file) => {
      const sql = readFileSync(`${folder}/${file}`, 'utf8');
      const version = Number(file.slice(0, 4));
      const stated = (name: string) =>
        Number(new RegExp(`^-- ${name}: (\\d+)$`, 'm').exec(sql)?.[1] ?? version);
      return {
        version,
        name: file.slice(5, -4),
        sql,
        minReader: stated('minReader'),
        minWriter: stated('minWriter'),
      };
    });
}

/** Beside the sources in the checkout, beside the bundle in the installed package. */
function sqlFolder(): string {
  return fileURLToPath(new URL('../sql', import.meta.url));
}

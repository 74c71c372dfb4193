import type { Queryable } from '../database.ts';

/** Secrets are kept sealed and versioned; '' as repository means every repository. */
export interface SecretRow {
  readonly repository: string;
  readonly name: string;
  readonly version: number;
  readonly sealed: Buffer;
  readonly created_at: Date;
}

export async function insertSecret(
  sql: Queryable,
  secret: { readonly repository: string; readonly name: string; readonly seal: (version: number) => Buffer },
): Promise<number> {
  await sql.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `secret ${secret.repository} ${secret.name}`,
  ]);
  const last = await sql.query<{ version: number }>(
    'SELECT coalesce(max(version), 0) AS version FROM secret WHERE repository = $1 AND name = $2',
    [secret.repository, secret.name],
  );
  const version = (last.rows[0]?.version ?? 0) + 1;
  await sql.query('INSERT INTO secret (repository, name, version, sealed) VALUES ($1, $2, $3, $4)', [
    secret.repository,
    secret.name,
    version,
    secret.seal(version),
  ]);
  return version;
}

/** The newest version of each; a repository's own secret hides the general one of its name. */
export async function currentSecrets(sql: Queryable, repository: string): Promise<readonly SecretRow[]> {
  const found = await sql.query<SecretRow>(
    `SELECT DISTINCT ON (name) * FROM (
       SELECT DISTINCT ON (repository, name) repository, name, version, sealed, created_at, removed_at
       FROM secret WHERE repository IN ('', $1) ORDER BY repository, name, version DESC) newest
     WHERE removed_at IS NULL ORDER BY name, repository DESC`,
    [repository],
  );
  return found.rows;
}

export async function secretAt(
  sql: Queryable,
  repository: string,
  name: string,
  version: number,
): Promise<SecretRow | null> {
  const found = await sql.query<SecretRow>(
    `SELECT * FROM secret WHERE repository = $1 AND name = $2 AND version = $3`,
    [repository, name, version],
  );
  return found.rows[0] ?? null;
}

export async function removeSecret(sql: Queryable, repository: string, name: string): Promise<boolean> {
  const done = await sql.query(
    'UPDATE secret SET removed_at = clock_timestamp() WHERE repository = $1 AND name = $2 AND removed_at IS NULL',
    [repository, name],
  );
  return (done.rowCount ?? 0) > 0;
}

export interface VariableRow {
  readonly name: string;
  readonly value: string;
}

export async function listVariables(sql: Queryable, repository: string): Promise<readonly VariableRow[]> {
  const found = await sql.query<VariableRow>(
    `SELECT DISTINCT ON (name) name, value FROM variable WHERE repository IN ('', $1) ORDER BY name, repository DESC`,
    [repository],
  );
  return found.rows;
}

export async function setVariable(
  sql: Queryable,
  variable: { readonly repository: string; readonly name: string; readonly value: string },
): Promise<void> {
  await sql.query(
    `INSERT INTO variable (repository, name, value) VALUES ($1, $2, $3)
     ON CONFLICT (repository, name) DO UPDATE SET value = $3`,
    [variable.repository, variable.name, variable.value],
  );
}

export async function removeVariable(sql: Queryable, repository: string, name: string): Promise<boolean> {
  const done = await sql.query('DELETE FROM variable WHERE repository = $1 AND name = $2', [
    repository,
    name,
  ]);
  return done.rowCount === 1;
}

import type { Queryable } from '../database.ts';

export interface RepositoryRow {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly poll_seconds: number;
  readonly webhook_secret: Buffer;
  /** Ref name → commit as last seen; null before the first look. */
  readonly refs: { readonly [ref: string]: string } | null;
  readonly polled_at: Date | null;
  readonly problem: string | null;
}

export async function insertRepository(
  sql: Queryable,
  row: Pick<RepositoryRow, 'id' | 'name' | 'url' | 'poll_seconds' | 'webhook_secret'>,
): Promise<void> {
  await sql.query(
    'INSERT INTO repository (id, name, url, poll_seconds, webhook_secret) VALUES ($1, $2, $3, $4, $5)',
    [row.id, row.name, row.url, row.poll_seconds, row.webhook_secret],
  );
}

export async function findRepository(sql: Queryable, nameOrId: string): Promise<RepositoryRow | null> {
  const found = await sql.query<RepositoryRow>('SELECT * FROM repository WHERE name = $1 OR id::text = $1', [
    nameOrId,
  ]);
  return found.rows[0] ?? null;
}

export async function listRepositories(sql: Queryable): Promise<readonly RepositoryRow[]> {
  return (await sql.query<RepositoryRow>('SELECT * FROM repository ORDER BY name')).rows;
}

export async function removeRepository(sql: Queryable, name: string): Promise<string | null> {
  const gone = await sql.query<{ id: string }>('DELETE FROM repository WHERE name = $1 RETURNING id', [name]);
  return gone.rows[0]?.id ?? null;
}

/** Ref → commit as last seen, with the row locked; null before the first look. */
export async function lockRefs(
  sql: Queryable,
  id: string,
): Promise<{ readonly [ref: string]: string } | null> {
  const locked = await sql.query<Pick<RepositoryRow, 'refs'>>(
    'SELECT refs FROM repository WHERE id = $1 FOR UPDATE',
    [id],
  );
  return locked.rows[0]?.refs ?? null;
}

export async function notePoll(
  sql: Queryable,
  id: string,
  seen: { readonly refs?: { readonly [ref: string]: string }; readonly problem: string | null },
): Promise<void> {
  await sql.query(
    `UPDATE repository SET polled_at = clock_timestamp(), refs = coalesce($2, refs), problem = $3 WHERE id = $1`,
    [id, seen.refs ? JSON.stringify(seen.refs) : null, seen.problem],
  );
}

export async function takeRunNumber(sql: Queryable, id: string): Promise<number> {
  const taken = await sql.query<{ number: number }>(
    'UPDATE repository SET next_number = next_number + 1 WHERE id = $1 RETURNING next_number - 1 AS number',
    [id],
  );
  return taken.rows[0]?.number ?? 1;
}

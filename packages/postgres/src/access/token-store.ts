import type { Scope } from '@holdfast/core/access/access.ts';
import type { Queryable } from '../database.ts';

export interface TokenRow {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly created_at: Date;
  readonly revoked_at: Date | null;
}

const COLUMNS = 'id, name, scopes, created_at, revoked_at';

/** Only the SHA-256 of a token is kept; finding it by its hash leaks nothing about its text. */
export async function insertToken(
  sql: Queryable,
  token: {
    readonly id: string;
    readonly name: string;
    readonly hash: Buffer;
    readonly scopes: readonly Scope[];
  },
): Promise<TokenRow> {
  const made = await sql.query<TokenRow>(
    `INSERT INTO token (id, name, hash, scopes) VALUES ($1, $2, $3, $4)
     ON CONFLICT (hash) DO UPDATE SET name = token.name RETURNING ${COLUMNS}`,
    [token.id, token.name, token.hash, token.scopes],
  );
  return made.rows[0] as TokenRow;
}

export async function findToken(sql: Queryable, hash: Buffer): Promise<TokenRow | null> {
  const found = await sql.query<TokenRow>(
    `SELECT ${COLUMNS} FROM token WHERE hash = $1 AND revoked_at IS NULL`,
    [hash],
  );
  return found.rows[0] ?? null;
}

export async function listTokens(sql: Queryable): Promise<readonly TokenRow[]> {
  return (await sql.query<TokenRow>(`SELECT ${COLUMNS} FROM token ORDER BY created_at`)).rows;
}

export async function revokeToken(sql: Queryable, id: string): Promise<boolean> {
  const done = await sql.query(
    'UPDATE token SET revoked_at = coalesce(revoked_at, clock_timestamp()) WHERE id = $1',
    [id],
  );
  return done.rowCount === 1;
}

import type { Queryable } from '../database.ts';

/** Scope (token, route), body hash checked, kept for 24 hours (protocol §1). */
export interface IdempotencyKey {
  readonly token: string;
  readonly route: string;
  readonly key: string;
  readonly bodyHash: Buffer;
}

export async function recallAnswer(
  sql: Queryable,
  key: IdempotencyKey,
): Promise<{ readonly same: boolean; readonly answer: unknown } | null> {
  const found = await sql.query<{ body_hash: Buffer; answer: unknown }>(
    `SELECT body_hash, answer FROM idempotency
     WHERE token_id = $1 AND route = $2 AND key = $3 AND created_at > clock_timestamp() - interval '24 hours'`,
    [key.token, key.route, key.key],
  );
  const row = found.rows[0];
  return row ? { same: row.body_hash.equals(key.bodyHash), answer: row.answer } : null;
}

export async function rememberAnswer(sql: Queryable, key: IdempotencyKey, answer: unknown): Promise<void> {
  await sql.query(
    `INSERT INTO idempotency (token_id, route, key, body_hash, answer) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (token_id, route, key) DO NOTHING`,
    [key.token, key.route, key.key, key.bodyHash, JSON.stringify(answer)],
  );
}

export async function forgetOldAnswers(sql: Queryable): Promise<void> {
  await sql.query(`DELETE FROM idempotency WHERE created_at < clock_timestamp() - interval '24 hours'`);
}

import type { Queryable } from '../database.ts';

/** Scope (token, route), body hash checked, kept for 24 hours (protocol §1). */
export interface IdempotencyKey {
  readonly token: string;
  readonly route: string;
  readonly key: string;
  readonly bodyHash: Buffer;
}

/**
 * Mine: perform it now, what it makes under this id. Otherwise what the first one was asked and
 * answered; null while it works.
 */
export type Claimed =
  | { readonly mine: true; readonly madeId: string }
  | { readonly mine: false; readonly same: boolean; readonly answer: unknown };

/** Longer than any request may take: whoever claimed the key is gone. */
const GONE_AFTER_SECONDS = 25;

export async function claimKey(sql: Queryable, key: IdempotencyKey, madeId: string): Promise<Claimed> {
  const claimed = await sql.query<{ made_id: string }>(
    `INSERT INTO idempotency (token_id, route, key, body_hash, made_id) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (token_id, route, key) DO UPDATE SET body_hash = $4, answer = NULL, created_at = clock_timestamp(),
       made_id = CASE WHEN idempotency.body_hash = $4 THEN coalesce(idempotency.made_id, $5) ELSE $5 END
       WHERE idempotency.created_at < clock_timestamp() - interval '24 hours'
          OR (idempotency.answer IS NULL AND idempotency.created_at < clock_timestamp() - $6 * interval '1 second')
     RETURNING made_id`,
    [key.token, key.route, key.key, key.bodyHash, madeId, GONE_AFTER_SECONDS],
  );
  if (claimed.rows[0]) return { mine: true, madeId: claimed.rows[0].made_id };
  const found = await sql.query<{ body_hash: Buffer; answer: unknown }>(
    'SELECT body_hash, answer FROM idempotency WHERE token_id = $1 AND route = $2 AND key = $3',
    [key.token, key.route, key.key],
  );
  const row = found.rows[0];
  return { mine: false, same: row?.body_hash.equals(key.bodyHash) ?? true, answer: row?.answer ?? null };
}

export async function rememberAnswer(sql: Queryable, key: IdempotencyKey, answer: unknown): Promise<void> {
  await sql.query('UPDATE idempotency SET answer = $4 WHERE token_id = $1 AND route = $2 AND key = $3', [
    key.token,
    key.route,
    key.key,
    JSON.stringify(answer),
  ]);
}

/** Nobody knows whether it happened: the same key may try again at once, under the same id. */
export async function leaveKey(sql: Queryable, key: IdempotencyKey): Promise<void> {
  await sql.query(
    `UPDATE idempotency SET created_at = clock_timestamp() - $4 * interval '1 second'
     WHERE token_id = $1 AND route = $2 AND key = $3 AND answer IS NULL`,
    [key.token, key.route, key.key, GONE_AFTER_SECONDS + 1],
  );
}

/** It failed: the same key may try again. */
export async function releaseKey(sql: Queryable, key: IdempotencyKey): Promise<void> {
  await sql.query(
    'DELETE FROM idempotency WHERE token_id = $1 AND route = $2 AND key = $3 AND answer IS NULL',
    [key.token, key.route, key.key],
  );
}

export async function forgetOldAnswers(sql: Queryable): Promise<void> {
  await sql.query(`DELETE FROM idempotency WHERE created_at < clock_timestamp() - interval '24 hours'`);
}

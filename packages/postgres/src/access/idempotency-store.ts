import type { Queryable } from '../database.ts';

/** Scope (token, route), body hash checked, kept for 24 hours (protocol §1). */
export interface IdempotencyKey {
  readonly token: string;
  readonly route: string;
  readonly key: string;
  readonly bodyHash: Buffer;
}

/** 'mine': perform it now. Otherwise what the first one was asked and answered; null while it works. */
export type Claimed = 'mine' | { readonly same: boolean; readonly answer: unknown };

export async function claimKey(sql: Queryable, key: IdempotencyKey): Promise<Claimed> {
  const claimed = await sql.query(
    `INSERT INTO idempotency (token_id, route, key, body_hash) VALUES ($1, $2, $3, $4)
     ON CONFLICT (token_id, route, key) DO UPDATE SET body_hash = $4, answer = NULL, created_at = clock_timestamp()
       WHERE idempotency.created_at < clock_timestamp() - interval '24 hours'
          OR (idempotency.answer IS NULL AND idempotency.created_at < clock_timestamp() - interval '1 minute')`,
    [key.token, key.route, key.key, key.bodyHash],
  );
  if (claimed.rowCount === 1) return 'mine';
  const found = await sql.query<{ body_hash: Buffer; answer: unknown }>(
    'SELECT body_hash, answer FROM idempotency WHERE token_id = $1 AND route = $2 AND key = $3',
    [key.token, key.route, key.key],
  );
  const row = found.rows[0];
  return { same: row?.body_hash.equals(key.bodyHash) ?? true, answer: row?.answer ?? null };
}

export async function rememberAnswer(sql: Queryable, key: IdempotencyKey, answer: unknown): Promise<void> {
  await sql.query('UPDATE idempotency SET answer = $4 WHERE token_id = $1 AND route = $2 AND key = $3', [
    key.token,
    key.route,
    key.key,
    JSON.stringify(answer),
  ]);
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

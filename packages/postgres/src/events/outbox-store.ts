import type { JsonObject } from '@holdfast/core/kernel/json.ts';
import type { Queryable } from '../database.ts';

export interface OutboxRow {
  readonly id: string;
  readonly kind: string;
  readonly payload: JsonObject;
  readonly attempts: number;
}

/** Written in the transaction that decided it; performed later, by whoever claims it. */
export async function enqueueOutbox(
  sql: Queryable,
  message: { readonly id: string; readonly kind: string; readonly payload: JsonObject },
): Promise<void> {
  await sql.query('INSERT INTO outbox (id, kind, payload) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING', [
    message.id,
    message.kind,
    JSON.stringify(message.payload),
  ]);
}

/** Takes due messages and moves their next attempt ahead, so that a crash only delays them. */
export async function claimOutbox(sql: Queryable, limit: number): Promise<readonly OutboxRow[]> {
  const claimed = await sql.query<OutboxRow>(
    `UPDATE outbox SET attempts = attempts + 1, due_at = clock_timestamp() + interval '30 seconds'
     WHERE id IN (SELECT id FROM outbox WHERE state = 'pending' AND due_at <= clock_timestamp()
                  ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
     RETURNING id, kind, payload, attempts`,
    [limit],
  );
  return claimed.rows;
}

export async function settleOutbox(
  sql: Queryable,
  id: string,
  result: {
    readonly state: 'pending' | 'done' | 'failed';
    readonly outcome: string;
    readonly delayMs?: number;
  },
): Promise<void> {
  await sql.query(
    `UPDATE outbox SET state = $2, outcome = $3, due_at = clock_timestamp() + $4 * interval '1 millisecond' WHERE id = $1`,
    [id, result.state, result.outcome, result.delayMs ?? 0],
  );
}

import type { JsonObject } from '@holdfast/core/kernel/json.ts';
import type { Queryable } from '../database.ts';

export interface InboxRow {
  readonly id: string;
  readonly repository_id: string;
  readonly kind: string;
  readonly payload: JsonObject;
  readonly state: 'pending' | 'done' | 'refused';
  readonly runs: readonly string[];
  readonly reason: string | null;
}

export interface Trigger {
  readonly id: string;
  readonly repositoryId: string;
  /** Two triggers with one delivery id are one trigger. */
  readonly delivery: string;
  readonly kind: string;
  readonly payload: JsonObject;
}

/** Returns the id under which the trigger is known: an older one when it was delivered before. */
export async function receiveTrigger(sql: Queryable, trigger: Trigger): Promise<string> {
  const kept = await sql.query<{ id: string }>(
    `INSERT INTO inbox (id, repository_id, delivery, kind, payload) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (repository_id, delivery) DO UPDATE SET delivery = inbox.delivery RETURNING id`,
    [trigger.id, trigger.repositoryId, trigger.delivery, trigger.kind, JSON.stringify(trigger.payload)],
  );
  return (kept.rows[0] as { id: string }).id;
}

export async function nextTriggers(
  sql: Queryable,
  repositoryId: string,
  limit: number,
): Promise<readonly InboxRow[]> {
  const found = await sql.query<InboxRow>(
    `SELECT * FROM inbox WHERE state = 'pending' AND repository_id = $1 ORDER BY received_at LIMIT $2`,
    [repositoryId, limit],
  );
  return found.rows;
}

/** False when somebody else settled it meanwhile. */
export async function lockTrigger(sql: Queryable, id: string): Promise<boolean> {
  const locked = await sql.query(`SELECT 1 FROM inbox WHERE id = $1 AND state = 'pending' FOR UPDATE`, [id]);
  return locked.rowCount === 1;
}

export async function settleTrigger(
  sql: Queryable,
  id: string,
  result: {
    readonly state: 'done' | 'refused';
    readonly runs: readonly string[];
    readonly reason: string | null;
  },
): Promise<void> {
  await sql.query('UPDATE inbox SET state = $2, runs = $3, reason = $4 WHERE id = $1', [
    id,
    result.state,
    result.runs,
    result.reason,
  ]);
}

export async function findTrigger(sql: Queryable, id: string): Promise<InboxRow | null> {
  return (await sql.query<InboxRow>('SELECT * FROM inbox WHERE id = $1', [id])).rows[0] ?? null;
}

export async function countPending(sql: Queryable, repositoryId: string): Promise<number> {
  const found = await sql.query<{ pending: number }>(
    `SELECT count(*)::int AS pending FROM inbox WHERE state = 'pending' AND repository_id = $1`,
    [repositoryId],
  );
  return found.rows[0]?.pending ?? 0;
}

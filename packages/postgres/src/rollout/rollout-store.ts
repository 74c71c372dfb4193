import { checkRollout } from '@holdfast/core/rollout/invariants.ts';
import { currentRollout } from '@holdfast/core/rollout/older-rollout.ts';
import { isFinal, type Rollout, type RolloutState } from '@holdfast/core/rollout/rollout.ts';
import type { Queryable } from '../database.ts';

/** What people asked of a rollout, waiting for its duty: kept in the row, so that none is lost. */
export type RolloutRequest =
  | { readonly id: string; readonly kind: 'advance'; readonly full: boolean }
  | { readonly id: string; readonly kind: 'pause' }
  | { readonly id: string; readonly kind: 'resume' }
  | { readonly id: string; readonly kind: 'abort'; readonly reason: string }
  | { readonly id: string; readonly kind: 'reject'; readonly by: string };

export interface RolloutRow {
  readonly id: string;
  readonly environment_id: string;
  readonly asked_by: string;
  readonly kind: 'release' | 'rollback';
  readonly state: RolloutState;
  readonly candidate: string;
  readonly stable: string | null;
  readonly data: Rollout;
  readonly lost_requests: number;
  readonly started_at: Date;
  readonly ended_at: Date | null;
}

/** A rollout that 0.2 planned knows one strategy and one method; the rest is filled in. */
function rows(found: { readonly rows: readonly RolloutRow[] }): readonly RolloutRow[] {
  return found.rows.map((row) => ({ ...row, data: currentRollout(row.data) }));
}

/** Asking again with the same `askedBy` finds the same rollout. */
export async function insertRollout(sql: Queryable, rollout: Rollout, askedBy: string): Promise<void> {
  checkRollout(rollout);
  await sql.query(
    `INSERT INTO rollout (id, environment_id, asked_by, kind, state, candidate, stable, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      rollout.id,
      rollout.environment,
      askedBy,
      rollout.kind,
      rollout.state,
      rollout.candidate,
      rollout.stable,
      JSON.stringify(rollout),
    ],
  );
  await recordHistory(sql, rollout);
}

export async function rolloutAskedBy(sql: Queryable, askedBy: string): Promise<RolloutRow | null> {
  return rows(await sql.query<RolloutRow>('SELECT * FROM rollout WHERE asked_by = $1', [askedBy]))[0] ?? null;
}

export async function findRollout(sql: Queryable, id: string): Promise<RolloutRow | null> {
  return rows(await sql.query<RolloutRow>('SELECT * FROM rollout WHERE id = $1', [id]))[0] ?? null;
}

/** Oldest first: that one goes on; a newer one waits until it has let go. */
export async function liveRollouts(sql: Queryable, environmentId: string): Promise<readonly RolloutRow[]> {
  return rows(
    await sql.query<RolloutRow>(
      'SELECT * FROM rollout WHERE environment_id = $1 AND ended_at IS NULL ORDER BY started_at, id',
      [environmentId],
    ),
  );
}

export async function liveRollout(sql: Queryable, environmentId: string): Promise<RolloutRow | null> {
  return (await liveRollouts(sql, environmentId))[0] ?? null;
}

export async function listRollouts(
  sql: Queryable,
  environmentId: string,
  limit: number,
  /** A rollout's id: only older ones. */
  before: string | null = null,
): Promise<readonly RolloutRow[]> {
  return rows(
    await sql.query<RolloutRow>(
      'SELECT * FROM rollout WHERE environment_id = $1 AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $2',
      [environmentId, limit, before],
    ),
  );
}

export async function saveRollout(sql: Queryable, before: Rollout, after: Rollout): Promise<void> {
  checkRollout(after);
  await sql.query(
    `UPDATE rollout SET state = $2, data = $3, ended_at = CASE WHEN $4 THEN coalesce(ended_at, clock_timestamp()) ELSE ended_at END WHERE id = $1`,
    [after.id, after.state, JSON.stringify(after), isFinal(after.state)],
  );
  if (before.state !== after.state || before.weight !== after.weight) await recordHistory(sql, after);
}

/** Of the newest rollout there: what it set going is what drains. */
export async function noteLostRequests(sql: Queryable, environmentId: string, lost: number): Promise<void> {
  await sql.query(
    `UPDATE rollout SET lost_requests = lost_requests + $2
     WHERE id = (SELECT id FROM rollout WHERE environment_id = $1 ORDER BY started_at DESC, id DESC LIMIT 1)`,
    [environmentId, lost],
  );
}

async function recordHistory(sql: Queryable, rollout: Rollout): Promise<void> {
  await sql.query('INSERT INTO rollout_history (rollout_id, state, weight, reason) VALUES ($1, $2, $3, $4)', [
    rollout.id,
    rollout.state,
    rollout.weight,
    rollout.reason,
  ]);
}

export async function historyOf(
  sql: Queryable,
  rolloutId: string,
): Promise<readonly { at: Date; state: RolloutState; weight: number; reason: string | null }[]> {
  const found = await sql.query<{ at: Date; state: RolloutState; weight: number; reason: string | null }>(
    'SELECT at, state, weight, reason FROM rollout_history WHERE rollout_id = $1 ORDER BY at',
    [rolloutId],
  );
  return found.rows;
}

export async function requestOfRollout(
  sql: Queryable,
  rolloutId: string,
  request: RolloutRequest,
): Promise<void> {
  await sql.query(
    `UPDATE rollout SET requests = requests || $2::jsonb WHERE id = $1 AND NOT requests @> jsonb_build_array(jsonb_build_object('id', $3::text))`,
    [rolloutId, JSON.stringify([request]), request.id],
  );
}

export async function takeRequests(sql: Queryable, rolloutId: string): Promise<readonly RolloutRequest[]> {
  const taken = await sql.query<{ requests: RolloutRequest[] }>(
    `UPDATE rollout SET requests = '[]' FROM (SELECT id, requests FROM rollout WHERE id = $1 FOR UPDATE) old
     WHERE rollout.id = old.id AND old.requests <> '[]' RETURNING old.requests`,
    [rolloutId],
  );
  return taken.rows[0]?.requests ?? [];
}

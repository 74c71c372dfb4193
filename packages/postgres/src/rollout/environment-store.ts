import type { EnvironmentConfig } from '@holdfast/contract/config/holdfast-yaml.ts';
import { NO_ACCESS, type Snapshot } from '@holdfast/core/traffic/traffic.ts';
import type { Queryable } from '../database.ts';

export interface EnvironmentRow {
  readonly id: string;
  readonly app: string;
  readonly name: string;
  readonly stable: string | null;
  readonly previous: string | null;
  readonly hold: string | null;
  readonly hold_since: Date | null;
  readonly frozen_until: Date | null;
  readonly frozen_why: string | null;
  readonly config: EnvironmentConfig;
  readonly snapshot: Snapshot;
  readonly revision: number;
  /** Since when it was looked at without a gap. */
  readonly watched_since: Date | null;
}

export async function upsertEnvironment(
  sql: Queryable,
  row: {
    readonly id: string;
    readonly app: string;
    readonly name: string;
    readonly config: EnvironmentConfig;
    readonly generation: number;
  },
): Promise<EnvironmentRow> {
  const empty: Snapshot = {
    environment: `${row.app}/${row.name}`,
    generation: row.generation,
    revision: 0,
    sticky: { kind: 'none' },
    drainDeadlineMs: 30_000,
    access: NO_ACCESS,
    groups: [],
  };
  const kept = await sql.query<EnvironmentRow>(
    `INSERT INTO environment (id, app, name, config, snapshot) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (app, name) DO UPDATE SET config = $4 RETURNING *`,
    [row.id, row.app, row.name, JSON.stringify(row.config), JSON.stringify(empty)],
  );
  return kept.rows[0] as EnvironmentRow;
}

export async function findEnvironment(
  sql: Queryable,
  app: string,
  name: string,
): Promise<EnvironmentRow | null> {
  return (
    (await sql.query<EnvironmentRow>('SELECT * FROM environment WHERE app = $1 AND name = $2', [app, name]))
      .rows[0] ?? null
  );
}

export async function environmentById(sql: Queryable, id: string): Promise<EnvironmentRow | null> {
  return (await sql.query<EnvironmentRow>('SELECT * FROM environment WHERE id = $1', [id])).rows[0] ?? null;
}

export async function lockEnvironment(sql: Queryable, id: string): Promise<EnvironmentRow | null> {
  return (
    (await sql.query<EnvironmentRow>('SELECT * FROM environment WHERE id = $1 FOR UPDATE', [id])).rows[0] ??
    null
  );
}

/** Notes that it is looked at; a minute in which nobody did is a gap. */
export async function noteLook(sql: Queryable, id: string): Promise<void> {
  await sql.query(
    `UPDATE environment SET looked_at = clock_timestamp(), watched_since =
       CASE WHEN looked_at > clock_timestamp() - interval '1 minute' THEN watched_since ELSE clock_timestamp() END
     WHERE id = $1 AND (looked_at IS NULL OR looked_at < clock_timestamp() - interval '10 seconds')`,
    [id],
  );
}

export async function listEnvironments(sql: Queryable): Promise<readonly EnvironmentRow[]> {
  return (await sql.query<EnvironmentRow>('SELECT * FROM environment ORDER BY app, name')).rows;
}

export async function saveSnapshot(sql: Queryable, id: string, snapshot: Snapshot): Promise<void> {
  await sql.query('UPDATE environment SET snapshot = $2, revision = $3 WHERE id = $1', [
    id,
    JSON.stringify(snapshot),
    snapshot.revision,
  ]);
}

/** The former stable release becomes the hot previous one. */
export async function makeStable(sql: Queryable, id: string, release: string): Promise<void> {
  await sql.query(
    'UPDATE environment SET previous = CASE WHEN stable = $2 THEN previous ELSE stable END, stable = $2 WHERE id = $1',
    [id, release],
  );
}

/** Back from a release that was stable for moments: one may return to what served before, and not to it. */
export async function restoreStable(
  sql: Queryable,
  id: string,
  change: { readonly release: string; readonly instead: string },
): Promise<void> {
  await sql.query('UPDATE release SET served_at = NULL WHERE id = $1', [change.instead]);
  await sql.query(
    `UPDATE environment SET stable = $2, previous = (
       SELECT id FROM release WHERE environment_id = $1 AND served_at IS NOT NULL AND id <> $2
       ORDER BY served_at DESC LIMIT 1) WHERE id = $1`,
    [id, change.release],
  );
}

export async function setHold(sql: Queryable, id: string, hold: string | null): Promise<void> {
  await sql.query(
    'UPDATE environment SET hold = $2, hold_since = CASE WHEN $2::text IS NULL THEN NULL ELSE clock_timestamp() END WHERE id = $1',
    [id, hold],
  );
}

/** null lifts it. */
export async function setFreeze(
  sql: Queryable,
  id: string,
  freeze: { readonly until: Date; readonly why: string } | null,
): Promise<void> {
  await sql.query('UPDATE environment SET frozen_until = $2, frozen_why = $3 WHERE id = $1', [
    id,
    freeze?.until ?? null,
    freeze?.why ?? null,
  ]);
}

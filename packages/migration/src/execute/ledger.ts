import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Sql } from '../catalog/read-catalog.ts';
import type { MigrationPlan } from '../plan/step.ts';
import type { Session } from './session.ts';

/**
 * What was done, in the user's own database: a mark commits with the work that it marks. The fence is
 * the highest that ever worked here; whoever has a lower one finds no row and changes nothing.
 */
export interface Marked {
  /** Which app and environment: several may share a database. */
  readonly scope: string;
  readonly version: number;
  readonly fence: number;
}

export interface StepAt extends Marked {
  readonly phase: keyof MigrationPlan;
  readonly place: number;
}

export interface StepRow {
  readonly done: boolean;
  /** The key of the last row that was worked on, as text; null: none yet. */
  readonly cursor: readonly string[] | null;
  /** Rows beyond this key came after the trigger and need no work. */
  readonly high: readonly string[] | null;
  readonly rows: number;
  readonly total: number | null;
  readonly batch: number | null;
  readonly ms_per_row: number | null;
  readonly found: number;
}

const LEDGER = `
CREATE SCHEMA IF NOT EXISTS holdfast;
CREATE TABLE IF NOT EXISTS holdfast.migration (
  scope    text NOT NULL,
  version  bigint NOT NULL,
  name     text NOT NULL,
  digest   text NOT NULL,
  plan     jsonb NOT NULL,
  fence    bigint NOT NULL,
  begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended    text,
  PRIMARY KEY (scope, version)
);
CREATE TABLE IF NOT EXISTS holdfast.step (
  scope      text NOT NULL,
  version    bigint NOT NULL,
  phase      text NOT NULL,
  place      integer NOT NULL,
  done       boolean NOT NULL DEFAULT false,
  cursor     jsonb,
  high       jsonb,
  rows       bigint NOT NULL DEFAULT 0,
  total      bigint,
  batch      integer,
  ms_per_row double precision,
  found      bigint NOT NULL DEFAULT 0,
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (scope, version, phase, place)
) WITH (fillfactor = 50);
COMMENT ON SCHEMA holdfast IS 'What Holdfast did to this schema, and the triggers that keep two shapes equal. It may be dropped while no schema change is under way.';`;

const LEDGER_LOCK = 7_070_441;

export async function ensureLedger(session: Session): Promise<void> {
  const { rows } = await session.query<{ there: boolean }>(
    "SELECT to_regclass('holdfast.step') IS NOT NULL AS there",
  );
  if (rows[0]?.there) return;
  await session.transaction({ lockMs: 5_000, statementMs: 10_000 }, async (sql) => {
    await sql.query(`SELECT pg_advisory_xact_lock(${LEDGER_LOCK})`);
    await sql.query(LEDGER);
  });
}

/**
 * Whoever has the higher fence owns it from now on, also when it was aborted: the fence outlives what it
 * guarded. Returns the plan that was begun, or null where none is: entering one comes next. digest: null where the
 * files do not matter any more.
 */
export async function takeOver(
  sql: Sql,
  { scope, version, fence }: Marked,
  digest: string | null,
): Promise<MigrationPlan | null> {
  const known = await sql.query<{ plan: MigrationPlan; digest: string; ended: string | null }>(
    `UPDATE holdfast.migration SET fence = $3 WHERE scope = $1 AND version = $2 AND fence <= $3 RETURNING plan, digest, ended`,
    [scope, version, fence],
  );
  const [row] = known.rows;
  if (!row) {
    const { rowCount } = await sql.query(
      'SELECT 1 FROM holdfast.migration WHERE scope = $1 AND version = $2',
      [scope, version],
    );
    if (rowCount === 0) return null;
    throw new HoldfastError('fenceStale', 'another controller works on this migration');
  }
  if (row.ended !== null) return null;
  if (digest === null || row.digest === digest) return row.plan;
  throw new HoldfastError(
    'migrationInvalid',
    `migration ${version} was changed after it was begun; put its files back, or abort it with them`,
  );
}

/** Nothing was begun, and nobody who is late begins it. */
export async function keepOut(
  sql: Sql,
  { scope, version, fence }: Marked,
  { name, digest, plan }: { readonly name: string; readonly digest: string; readonly plan: MigrationPlan },
): Promise<void> {
  await sql.query(
    `INSERT INTO holdfast.migration (scope, version, name, digest, plan, fence, ended) VALUES ($1, $2, $3, $4, $5, $6, 'aborted')
     ON CONFLICT (scope, version) DO NOTHING`,
    [scope, version, name, digest, JSON.stringify(plan), fence],
  );
}

/** A dotted name in a folder of Flyway's gives every other file another number: it must not run again under that. */
async function refuseNumberedAnew(
  sql: Sql,
  { scope, version }: Marked,
  { name, digest }: { readonly name: string; readonly digest: string },
): Promise<void> {
  const { rows } = await sql.query<{ version: number }>(
    `SELECT version::float8 FROM holdfast.migration WHERE scope = $1 AND name = $3 AND digest = $4 AND ended IS NULL
       AND (version::numeric * 1000000 = $2::numeric OR version = $2::numeric * 1000000) LIMIT 1`,
    [scope, version, name, digest],
  );
  if (rows[0])
    throw new HoldfastError(
      'migrationInvalid',
      `${name} was run as version ${rows[0].version} and would run again as ${version}: a file with a dotted version, such as V2.1, counts all others anew; give that file a whole number`,
    );
}

/** The plan that is begun now is the one that is ended. */
export async function enter(
  sql: Sql,
  { scope, version, fence }: Marked,
  { name, digest, plan }: { readonly name: string; readonly digest: string; readonly plan: MigrationPlan },
): Promise<MigrationPlan> {
  await refuseNumberedAnew(sql, { scope, version, fence }, { name, digest });
  const made = await sql.query(
    `INSERT INTO holdfast.migration (scope, version, name, digest, plan, fence) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (scope, version) DO UPDATE SET name = $3, digest = $4, plan = $5, ended = NULL, begun_at = clock_timestamp()
       WHERE migration.fence = $6 AND migration.ended IS NOT NULL`,
    [scope, version, name, digest, JSON.stringify(plan), fence],
  );
  if (made.rowCount === 1) return plan;
  throw new HoldfastError('fenceStale', 'another controller works on this migration');
}

/** Locks the fence for the rest of the transaction: a successor waits until this commit is decided. */
export async function holdFence(sql: Sql, { scope, version, fence }: Marked): Promise<void> {
  const held = await sql.query(
    'SELECT 1 FROM holdfast.migration WHERE scope = $1 AND version = $2 AND fence = $3 FOR SHARE',
    [scope, version, fence],
  );
  if (held.rowCount !== 1)
    throw new HoldfastError('fenceStale', 'another controller works on this migration');
}

export async function readStep(sql: Sql, at: StepAt): Promise<StepRow> {
  const { rows } = await sql.query<StepRow>(
    `INSERT INTO holdfast.step (scope, version, phase, place) VALUES ($1, $2, $3, $4)
     ON CONFLICT (scope, version, phase, place) DO UPDATE SET place = excluded.place
     RETURNING done, cursor, high, rows::float8, total::float8, batch, ms_per_row, found::float8`,
    [at.scope, at.version, at.phase, at.place],
  );
  return rows[0] as StepRow;
}

/** `$1` to `$4` name the step; values of the assignments follow. */
export async function writeStep(
  sql: Sql,
  at: StepAt,
  { set, values = [] }: { readonly set: string; readonly values?: readonly unknown[] },
): Promise<void> {
  await sql.query(
    `UPDATE holdfast.step SET ${set}, at = clock_timestamp() WHERE scope = $1 AND version = $2 AND phase = $3 AND place = $4`,
    [at.scope, at.version, at.phase, at.place, ...values],
  );
}

export async function markDone(sql: Sql, at: StepAt): Promise<void> {
  await sql.query(
    `INSERT INTO holdfast.step (scope, version, phase, place, done) VALUES ($1, $2, $3, $4, true)
     ON CONFLICT (scope, version, phase, place) DO UPDATE SET done = true, at = clock_timestamp()`,
    [at.scope, at.version, at.phase, at.place],
  );
}

export async function doneSteps(
  sql: Sql,
  { scope, version }: Marked,
  phase: keyof MigrationPlan,
): Promise<ReadonlySet<number>> {
  const { rows } = await sql.query<{ place: number }>(
    'SELECT place FROM holdfast.step WHERE scope = $1 AND version = $2 AND phase = $3 AND done',
    [scope, version, phase],
  );
  return new Set(rows.map(({ place }) => place));
}

/** From the first row again: what is right by now is only read. That they are there and not done says so to others. */
export async function beginAgain(
  sql: Sql,
  { scope, version }: Marked,
  steps: readonly StepAt[],
): Promise<void> {
  for (const { phase, place } of steps)
    await sql.query(
      `UPDATE holdfast.step SET done = false, cursor = NULL, high = NULL, rows = 0, found = 0, at = clock_timestamp()
       WHERE scope = $1 AND version = $2 AND phase = $3 AND place = $4`,
      [scope, version, phase, place],
    );
}

/** Whether rows that were filled are to be filled once more. */
export async function beginsAgain(sql: Sql, { scope, version }: Marked): Promise<boolean> {
  const { rowCount } = await sql.query(
    "SELECT 1 FROM holdfast.step WHERE scope = $1 AND version = $2 AND phase = 'backfill' AND NOT done LIMIT 1",
    [scope, version],
  );
  return (rowCount ?? 0) > 0;
}

/** Nothing of it is left but its fence: wanted again, it begins anew, and whoever is late stays out. */
export async function forget(sql: Sql, at: Marked): Promise<void> {
  await holdFence(sql, at);
  await sql.query('DELETE FROM holdfast.step WHERE scope = $1 AND version = $2', [at.scope, at.version]);
  await sql.query("UPDATE holdfast.migration SET ended = 'aborted' WHERE scope = $1 AND version = $2", [
    at.scope,
    at.version,
  ]);
}

import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { MysqlSession } from './mysql-session.ts';
import type { MysqlPhase } from './plan-of-mysql.ts';

/**
 * What was done of a change, in the user's database beside the data. DDL commits by itself there, so a mark before
 * and the table's shape tell whether a statement that nobody saw end was done:
 *
 *   begun ─▶ done                                  by the server itself
 *   copying ─▶ copied ─▶ verified ─▶ cutting ─▶ done   by a copy of the table, or ─▶ failed
 */
export type StepState = 'begun' | 'copying' | 'copied' | 'verified' | 'cutting' | 'done' | 'failed';

export interface Change {
  readonly scope: string;
  readonly version: number;
  /** Only larger ones may write after it. */
  readonly fence: number;
}

export interface StepKey extends Change {
  readonly phase: MysqlPhase;
  readonly place: number;
}

/** What the next one must know; which of it, by the state. */
export interface StepDetail {
  /** Of the table before, see shape.ts. */
  readonly before?: string;
  readonly shadow?: string;
  /** Of the shadow when it was whole. */
  readonly after?: string;
  /** Connections of the tool, so that whoever takes over can end them. */
  readonly connections?: readonly number[];
  readonly rows?: number;
  readonly total?: number;
  /** Why it failed. */
  readonly reason?: string;
  /** The last key that was compared. */
  readonly compared?: readonly (string | number | null)[];
}

export interface StepRow {
  readonly state: StepState;
  readonly detail: StepDetail;
  /** Why a copy should rest now, for whichever controller runs it. */
  readonly hold: string | null;
  /** Since somebody last said whether it should: nobody does while a person has paused it. */
  readonly unheardSeconds: number;
}

const CREATE = [
  `CREATE TABLE IF NOT EXISTS holdfast_schema_change (
     scope varchar(200) NOT NULL, version bigint NOT NULL, fence bigint NOT NULL, digest varchar(64) NOT NULL,
     PRIMARY KEY (scope, version)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
  `CREATE TABLE IF NOT EXISTS holdfast_schema_step (
     scope varchar(200) NOT NULL, version bigint NOT NULL, phase varchar(20) NOT NULL, place int NOT NULL,
     state varchar(20) NOT NULL, detail longtext NOT NULL, hold text, heard_at timestamp(6) NOT NULL DEFAULT current_timestamp(6),
     PRIMARY KEY (scope, version, phase, place)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
];

/** Takes the change over: from here on a smaller fence writes nothing. False: nothing of it was ever begun. */
export async function takeOverChange(
  sql: MysqlSession,
  change: Change,
  { digest, begins }: { readonly digest: string; readonly begins: boolean },
): Promise<boolean> {
  for (const text of CREATE) await sql.query(text);
  const { scope, version, fence } = change;
  const [known] = await sql.query<{ digest: string }>(
    'SELECT digest FROM holdfast_schema_change WHERE scope = ? AND version = ?',
    [scope, version],
  );
  if (!known && !begins) return false;
  if (!known)
    await sql.change('INSERT IGNORE INTO holdfast_schema_change VALUES (?, ?, ?, ?)', [
      scope,
      version,
      fence,
      digest,
    ]);
  else if (known.digest !== digest)
    throw new HoldfastError('schemaMismatch', 'this change was begun with other files: put them back');
  await holdMysqlFence(sql, change);
  return true;
}

export async function holdMysqlFence(sql: MysqlSession, { scope, version, fence }: Change): Promise<void> {
  await sql.change(
    'UPDATE holdfast_schema_change SET fence = ? WHERE scope = ? AND version = ? AND fence <= ?',
    [fence, scope, version, fence],
  );
  const [held] = await sql.query<{ fence: string | number }>(
    'SELECT fence FROM holdfast_schema_change WHERE scope = ? AND version = ?',
    [scope, version],
  );
  if (Number(held?.fence) !== fence)
    throw new HoldfastError('fenceStale', 'another controller works on this schema change now');
}

export async function readStep(sql: MysqlSession, key: StepKey): Promise<StepRow | null> {
  const [row] = await sql.query<{ state: StepState; detail: string; hold: string | null; unheard: number }>(
    'SELECT state, detail, hold, TIMESTAMPDIFF(SECOND, heard_at, current_timestamp(6)) AS unheard FROM holdfast_schema_step WHERE scope = ? AND version = ? AND phase = ? AND place = ?',
    [key.scope, key.version, key.phase, key.place],
  );
  if (!row) return null;
  const { state, detail, hold, unheard } = row;
  return { state, detail: JSON.parse(detail) as StepDetail, hold, unheardSeconds: Number(unheard) };
}

export async function writeStep(
  sql: MysqlSession,
  key: StepKey,
  { state, detail }: { readonly state: StepState; readonly detail: StepDetail },
): Promise<void> {
  await sql.change(
    `INSERT INTO holdfast_schema_step (scope, version, phase, place, state, detail) VALUES (?, ?, ?, ?, ?, ?)
     ON DUPLICATE KEY UPDATE state = VALUES(state), detail = VALUES(detail)`,
    [key.scope, key.version, key.phase, key.place, state, JSON.stringify(detail)],
  );
}

export async function holdStep(sql: MysqlSession, key: StepKey, hold: string | null): Promise<void> {
  await sql.change(
    'UPDATE holdfast_schema_step SET hold = ?, heard_at = current_timestamp(6) WHERE scope = ? AND version = ? AND phase = ? AND place = ?',
    [hold, key.scope, key.version, key.phase, key.place],
  );
}

export async function forgetStep(sql: MysqlSession, key: StepKey): Promise<void> {
  await sql.change(
    'DELETE FROM holdfast_schema_step WHERE scope = ? AND version = ? AND phase = ? AND place = ?',
    [key.scope, key.version, key.phase, key.place],
  );
}

export async function forgetChange(sql: MysqlSession, { scope, version }: Change): Promise<void> {
  await sql.change('DELETE FROM holdfast_schema_step WHERE scope = ? AND version = ?', [scope, version]);
  await sql.change('DELETE FROM holdfast_schema_change WHERE scope = ? AND version = ?', [scope, version]);
}

import { createHash } from 'node:crypto';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Marked } from '../execute/ledger.ts';
import type { MysqlSession, MysqlValue } from './mysql-session.ts';
import type { MysqlPhase } from './plan-of-mysql.ts';

/**
 * What was done of a change, in the user's database beside the data. DDL commits by itself there, so a mark before
 * and the table's shape tell whether a statement that nobody saw end was done:
 *
 *   begun ─▶ done                                             by the server itself
 *   copying ─▶ copied ─▶ verified ─▶ cutting ─▶ done           by a copy of the table
 *      └──────────┴─────────┴───▶ leaving ─▶ (forgotten)       what is cleared away, and why
 *
 * Whoever works on a change holds a lock of the server's by name in the very session it works in: one that was lost
 * writes nothing any more, and the fence keeps out who comes late.
 */
export type StepState = 'begun' | 'copying' | 'copied' | 'verified' | 'cutting' | 'leaving' | 'done';

export interface StepKey extends Marked {
  readonly phase: MysqlPhase;
  readonly place: number;
}

/** What the next one must know; which of it, by the state. */
export interface StepDetail {
  /** Shapes (shape.ts): of the table before, and as the statement makes it. */
  readonly before?: string | null;
  readonly wanted?: string | null;
  readonly shadow?: string;
  /** Of the shadow when it was whole. */
  readonly after?: string;
  /** Name of the locks that the tool's connections hold. */
  readonly token?: string;
  readonly rows?: number;
  readonly total?: number;
  /** The last key that was compared. */
  readonly compared?: readonly MysqlValue[];
  /** It has waited for the gate since it was compared. */
  readonly waited?: boolean;
  /** How often the server threw its own work away at the end, for a lock. */
  readonly tries?: number;
  /** Why it is left, and whether trying again may help. */
  readonly reason?: string;
  readonly passing?: boolean;
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

/** One works on a change at a time; the server gives the lock back when the session ends, however it ends. */
export async function lockByName(sql: MysqlSession, name: string): Promise<boolean> {
  const [row] = await sql.query<{ got: MysqlValue }>('SELECT GET_LOCK(?, 0) AS got', [name]);
  return Number(row?.got) === 1;
}

export function changeLock({ scope, version }: Marked): string {
  return `holdfast ${hashOf(scope, version)}`;
}

export function copyLock({ scope, version, phase, place }: StepKey): string {
  return `holdfast copy ${hashOf(scope, version, phase, place)}`;
}

function hashOf(...words: readonly (string | number)[]): string {
  return createHash('sha256').update(words.join('\0')).digest('hex').slice(0, 32);
}

/** Takes the change over: from here on a smaller fence writes nothing. False: nothing of it was ever begun. */
export async function takeOverChange(
  sql: MysqlSession,
  change: Marked,
  { digest, begins }: { readonly digest: string; readonly begins: boolean },
): Promise<boolean> {
  await ensureTables(sql);
  const { scope, version, fence } = change;
  const [known] = await sql.query<{ digest: string; fence: string | number }>(
    'SELECT digest, fence FROM holdfast_schema_change WHERE scope = ? AND version = ?',
    [scope, version],
  );
  if (known && Number(known.fence) > fence)
    throw new HoldfastError('fenceStale', 'another controller works on this schema change now');
  // An abort leaves the fence and takes the digest away.
  const fresh = known === undefined || known.digest === '';
  if (fresh && !begins) return false;
  if (!fresh && known.digest !== digest)
    throw new HoldfastError('schemaMismatch', 'this change was begun with other files: put them back');
  if (fresh || Number(known.fence) < fence)
    await sql.query(
      `INSERT INTO holdfast_schema_change (scope, version, fence, digest) VALUES (?, ?, ?, ?)
       ON DUPLICATE KEY UPDATE fence = VALUES(fence), digest = VALUES(digest)`,
      [scope, version, fence, digest],
    );
  return true;
}

async function ensureTables(sql: MysqlSession): Promise<void> {
  const [found] = await sql.query<{ n: MysqlValue }>(
    `SELECT COUNT(*) AS n FROM information_schema.tables WHERE table_schema = DATABASE()
     AND table_name IN ('holdfast_schema_change', 'holdfast_schema_step')`,
  );
  if (Number(found?.n) < CREATE.length) for (const text of CREATE) await sql.query(text);
}

const WHERE = 'WHERE scope = ? AND version = ? AND phase = ? AND place = ?';
const placeOf = ({ scope, version, phase, place }: StepKey) => [scope, version, phase, place];

export async function readStep(sql: MysqlSession, key: StepKey): Promise<StepRow | null> {
  const [row] = await sql.query<{ state: StepState; detail: string; hold: string | null; unheard: number }>(
    `SELECT state, detail, hold, TIMESTAMPDIFF(SECOND, heard_at, current_timestamp(6)) AS unheard FROM holdfast_schema_step ${WHERE}`,
    placeOf(key),
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
  await sql.query(
    `INSERT INTO holdfast_schema_step (scope, version, phase, place, state, detail) VALUES (?, ?, ?, ?, ?, ?)
     ON DUPLICATE KEY UPDATE state = VALUES(state), detail = VALUES(detail)`,
    [...placeOf(key), state, JSON.stringify(detail)],
  );
}

/**
 * By whoever holds the copy's lock, before it copies. False: somebody has taken the change over, ended or aborted it
 * since this was decided: a controller that was asleep finds the lock free then.
 */
export async function claimCopy(sql: MysqlSession, key: StepKey, detail: StepDetail): Promise<boolean> {
  const { scope, version, fence } = key;
  // `detail` first: MySQL assigns from left to right, and both look at the state that was.
  await sql.query(
    `INSERT INTO holdfast_schema_step (scope, version, phase, place, state, detail)
     SELECT ?, ?, ?, ?, 'copying', ? FROM holdfast_schema_change WHERE scope = ? AND version = ? AND fence = ? AND digest <> ''
     ON DUPLICATE KEY UPDATE
       detail = IF(holdfast_schema_step.state IN ('begun', 'copying'), VALUES(detail), holdfast_schema_step.detail),
       state = IF(holdfast_schema_step.state IN ('begun', 'copying'), 'copying', holdfast_schema_step.state)`,
    [...placeOf(key), JSON.stringify(detail), scope, version, fence],
  );
  return isCopiedBy(await readStep(sql, key), 'copying', detail);
}

function isCopiedBy(row: StepRow | null, state: StepState, { token }: StepDetail): boolean {
  return row?.state === state && row.detail.token === token;
}

/** By the session that copies, for as long as nobody has decided otherwise. False: somebody has. */
export async function reportCopy(
  sql: MysqlSession,
  key: StepKey,
  { state, detail }: { readonly state: StepState; readonly detail: StepDetail },
): Promise<boolean> {
  await sql.query(
    `UPDATE holdfast_schema_step SET state = ?, detail = ? ${WHERE} AND state = 'copying' AND JSON_VALUE(detail, '$.token') = ?`,
    [state, JSON.stringify(detail), ...placeOf(key), detail.token ?? ''],
  );
  return isCopiedBy(await readStep(sql, key), state, detail);
}

export async function holdStep(sql: MysqlSession, key: StepKey, hold: string | null): Promise<void> {
  await sql.query(`UPDATE holdfast_schema_step SET hold = ?, heard_at = current_timestamp(6) ${WHERE}`, [
    hold,
    ...placeOf(key),
  ]);
}

export async function forgetStep(sql: MysqlSession, key: StepKey): Promise<void> {
  await sql.query(`DELETE FROM holdfast_schema_step ${WHERE}`, placeOf(key));
}

/** The fence stays: a controller that was asleep must not begin it again. */
export async function forgetChange(
  sql: MysqlSession,
  { scope, version }: Marked,
  { undone }: { readonly undone: boolean },
): Promise<void> {
  await sql.query(
    `DELETE FROM holdfast_schema_step WHERE scope = ? AND version = ? AND (${undone ? '1 = 1' : "state <> 'done'"} OR phase = 'abort')`,
    [scope, version],
  );
  await sql.query("UPDATE holdfast_schema_change SET digest = '' WHERE scope = ? AND version = ?", [
    scope,
    version,
  ]);
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { LockMode } from '@holdfast/migration/effects/effect.ts';
import type pg from 'pg';
import { type HeldLock, locksOf, pidOf } from './locks.ts';
import { type Relation, relationsNow } from './relations.ts';

/** A statement that commits by itself, and who can stand in its way. */
export interface Outside {
  readonly client: pg.Client;
  readonly blocker: pg.Client;
  readonly statement: string;
  /** Everything as it was. */
  prepare(): Promise<void>;
}

/** LOCK TABLE refuses a materialized view; these lock one in passing. */
const HOLD_VIEW: Partial<Record<LockMode, string>> = {
  'ACCESS EXCLUSIVE': 'REFRESH MATERIALIZED VIEW',
  'ACCESS SHARE': 'TABLE',
};

const WAYS_TO_HOLD: Readonly<Record<string, (name: string, mode: LockMode) => string | null>> = {
  r: (name, mode) => `LOCK TABLE ONLY ${name} IN ${mode} MODE`,
  p: (name, mode) => `LOCK TABLE ONLY ${name} IN ${mode} MODE`,
  m: (name, mode) => (HOLD_VIEW[mode] ? `${HOLD_VIEW[mode]} ${name}` : null),
};

export function isHoldable({ kind }: Relation): boolean {
  return kind in WAYS_TO_HOLD;
}

function hold({ kind, names }: Relation, mode: LockMode): string | null {
  return WAYS_TO_HOLD[kind]?.(names.at(-1) ?? '', mode) ?? null;
}

/** What it had and wanted, by name, because each attempt has new tables. Empty: it was not stopped. */
export async function standInTheWay(
  { client, blocker, statement, prepare }: Outside,
  table: Relation,
  mode: LockMode,
): Promise<readonly HeldLock[]> {
  const holding = hold(table, mode);
  if (holding === null) return [];
  await prepare();
  const pid = await pidOf(client);
  const relations = await relationsNow(client, 'inside');
  await blocker.query('BEGIN');
  try {
    await blocker.query(holding);
    let ended = false;
    const running = client
      .query(statement)
      .catch(() => undefined)
      .finally(() => {
        ended = true;
      });
    const locks = await untilWaiting(blocker, pid, () => ended);
    await blocker.query('SELECT pg_cancel_backend($1)', [pid]);
    await running;
    return named(locks, relations);
  } finally {
    await blocker.query('ROLLBACK');
  }
}

async function untilWaiting(
  blocker: pg.Client,
  pid: number,
  ended: () => boolean,
): Promise<readonly HeldLock[]> {
  while (!ended()) {
    const found = await blocker.query('SELECT FROM pg_locks WHERE pid = $1 AND NOT granted', [pid]);
    if (found.rowCount) return locksOf(blocker, pid, 'wanted');
    await sleep(3);
  }
  return [];
}

function named(locks: readonly HeldLock[], relations: readonly Relation[]): HeldLock[] {
  const names = new Map(relations.map(({ oid, names }) => [oid, names.at(-1) ?? '']));
  return locks.flatMap(({ oid, mode }) => {
    const name = names.get(oid);
    return name ? [{ oid: name, mode }] : [];
  });
}

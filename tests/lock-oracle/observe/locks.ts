import type { LockMode } from '@holdfast/migration/effects/effect.ts';
import type pg from 'pg';

export interface HeldLock {
  readonly oid: string;
  readonly mode: LockMode;
}

const SPELLED: Readonly<Record<string, LockMode>> = {
  AccessShareLock: 'ACCESS SHARE',
  RowShareLock: 'ROW SHARE',
  RowExclusiveLock: 'ROW EXCLUSIVE',
  ShareUpdateExclusiveLock: 'SHARE UPDATE EXCLUSIVE',
  ShareLock: 'SHARE',
  ShareRowExclusiveLock: 'SHARE ROW EXCLUSIVE',
  ExclusiveLock: 'EXCLUSIVE',
  AccessExclusiveLock: 'ACCESS EXCLUSIVE',
};

const LOCKS = `SELECT relation::text AS oid, mode FROM pg_locks
WHERE pid = $1 AND locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

/** Relation locks that a session has, and with 'wanted' also those it waits for. */
export async function locksOf(
  client: pg.Client,
  pid: number,
  which: 'held' | 'wanted',
): Promise<readonly HeldLock[]> {
  const text = which === 'held' ? `${LOCKS} AND granted` : LOCKS;
  const found = await client.query<{ oid: string; mode: string }>(text, [pid]);
  return found.rows.flatMap(({ oid, mode }) => {
    const spelled = SPELLED[mode];
    return spelled ? [{ oid, mode: spelled }] : [];
  });
}

export async function pidOf(client: pg.Client): Promise<number> {
  const found = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return found.rows[0]?.pid ?? 0;
}

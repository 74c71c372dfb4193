import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { IndexStep } from '../plan/step.ts';
import { quoteName, quoteRelation } from '../sql/names.ts';
import type { Session } from './session.ts';

/**
 * CREATE INDEX CONCURRENTLY, until there is a valid one. A try that failed or was killed leaves an
 * invalid index: it is dropped first. While another session still builds it (a killed controller's may
 * live on for a while), its advisory lock says so and nothing is touched.
 */
const BUILDS = 7_070_442;

export async function runIndex(
  session: Session,
  { sql, table, index }: IndexStep,
  isMine: () => Promise<void>,
): Promise<void> {
  await alone(session, nameOf(table, index), async () => {
    await isMine();
    const there = await stateOf(session, table, index);
    if (there === 'valid') return;
    if (there === 'invalid') await session.script(dropText(table, index));
    try {
      await session.script(sql);
    } catch (error) {
      await session.script(dropText(table, index)).catch(() => {});
      throw error;
    }
  });
}

export async function runOutside(session: Session, sql: string, isMine: () => Promise<void>): Promise<void> {
  const dropped = /^DROP INDEX CONCURRENTLY (?:IF EXISTS )?(\S+)$/.exec(sql)?.[1];
  await alone(session, dropped ?? sql, async () => {
    await isMine();
    await session.script(sql);
  });
}

async function alone(session: Session, what: string, work: () => Promise<void>): Promise<void> {
  const { rows } = await session.query<{ mine: boolean }>(
    `SELECT pg_try_advisory_lock(${BUILDS}, hashtext($1)) AS mine`,
    [what],
  );
  if (!rows[0]?.mine) throw new HoldfastError('fenceStale', 'another session still works on it');
  try {
    await session.script('SET lock_timeout = 0; SET statement_timeout = 0');
    await work();
  } finally {
    await session.query(`SELECT pg_advisory_unlock(${BUILDS}, hashtext($1))`, [what]).catch(() => {});
  }
}

/** Building and dropping an index take the same key, so that neither overtakes the other. */
function nameOf(table: string, index: string): string {
  return [...table.split('.').slice(0, -1), index].map(quoteName).join('.');
}

function dropText(table: string, index: string): string {
  return `DROP INDEX CONCURRENTLY IF EXISTS ${nameOf(table, index)}`;
}

async function stateOf(
  session: Session,
  table: string,
  index: string,
): Promise<'none' | 'valid' | 'invalid'> {
  const { rows } = await session.query<{ valid: boolean }>(
    'SELECT i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass($1) AND c.relname = $2',
    [quoteRelation(table), index],
  );
  return rows[0] === undefined ? 'none' : rows[0].valid ? 'valid' : 'invalid';
}

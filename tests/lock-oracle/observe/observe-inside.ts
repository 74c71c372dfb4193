import pg from 'pg';
import { locksOf, pidOf } from './locks.ts';
import type { Observation } from './observation.ts';
import { namesMade, relationsNow, rowCounts, strongest, whatHappened } from './relations.ts';

const REFUSED_IN_A_TRANSACTION = '25001';

/** Run it in a transaction, look around, and roll back. null: it does not run in one. */
export async function observeInside(client: pg.Client, statement: string): Promise<Observation | null> {
  const rows = await rowCounts(client, await relationsNow(client, 'inside'));
  const pid = await pidOf(client);
  await client.query('BEGIN');
  try {
    const before = await relationsNow(client, 'inside');
    await client.query(statement);
    const locks = strongest(await locksOf(client, pid, 'held'));
    const after = await relationsNow(client, 'inside');
    return {
      outside: false,
      on: whatHappened({ before, after, rows, locks }),
      made: namesMade({ before, after }),
    };
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === REFUSED_IN_A_TRANSACTION) return null;
    throw error;
  } finally {
    await client.query('ROLLBACK');
  }
}

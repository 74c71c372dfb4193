import type { LockMode } from '@holdfast/migration/effects/effect.ts';
import type pg from 'pg';
import type { HeldLock } from './locks.ts';
import type { Observation } from './observation.ts';
import { namesMade, relationsNow, rowCounts, strongest, whatHappened } from './relations.ts';
import { isHoldable, type Outside, standInTheWay } from './stand-in-the-way.ts';

/**
 * What commits by itself cannot be looked at afterwards. So another session stands in its way, on
 * one table after the other and in several modes, and what it holds and wants while it waits is
 * noted. ACCESS EXCLUSIVE stops whoever touches the table; the weaker ones let it come as far as the
 * lock that it takes in a later transaction of its own.
 */
const WEAKER: readonly LockMode[] = ['SHARE UPDATE EXCLUSIVE', 'ROW EXCLUSIVE', 'ACCESS SHARE'];

export async function observeOutside(outside: Outside): Promise<Observation> {
  const { client, prepare } = outside;
  const seen: HeldLock[] = [];
  for (const table of (await relationsNow(client, 'inside')).filter(isHoldable)) {
    const first = await standInTheWay(outside, table, 'ACCESS EXCLUSIVE');
    seen.push(...first);
    for (const mode of first.length === 0 ? [] : WEAKER)
      seen.push(...(await standInTheWay(outside, table, mode)));
  }
  await prepare();
  return runThrough(outside, strongest(seen));
}

/** Until 14 they are told, and read, at most every half second. */
async function flushStatistics(client: pg.Client): Promise<void> {
  const { rows } = await client.query("SELECT current_setting('server_version_num')::int >= 150000 AS can");
  if (rows[0]?.can) await client.query('SELECT pg_stat_force_next_flush()');
  else for (let time = 0; time < 2; time += 1) await client.query('SELECT pg_sleep(0.6)');
}

/** Once without anybody in its way, for the files and the reads. */
async function runThrough(
  { client, statement }: Outside,
  seen: ReadonlyMap<string, LockMode>,
): Promise<Observation> {
  const rows = await rowCounts(client, await relationsNow(client, 'inside'));
  await flushStatistics(client);
  const before = await relationsNow(client, 'outside');
  await client.query(statement);
  await flushStatistics(client);
  const after = await relationsNow(client, 'outside');
  const locks = new Map(
    before.flatMap(({ oid, names }) => {
      const mode = seen.get(names.at(-1) ?? '');
      return mode ? [[oid, mode] as const] : [];
    }),
  );
  return {
    outside: true,
    on: whatHappened({ before, after, rows, locks }),
    made: namesMade({ before, after }),
  };
}

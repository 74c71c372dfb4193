import { setTimeout as sleep } from 'node:timers/promises';
import type { Blow, Fault, Sample } from '../fault.ts';
import { stepRecorded } from '../recoveries.ts';

const BOUND_SECONDS = 2;

/** An orderly restart, as for a configuration or a minor version. */
export const databaseRestarted: Fault = {
  kind: 'databaseRestarted',
  aim: 'everything',
  strike: async (blow) => {
    const { primary } = blow.installation.database;
    await primary.stop();
    return [await returned(blow)];
  },
};

/** The postmaster is killed; the next one recovers from the write-ahead log. */
export const databaseKilled: Fault = {
  kind: 'databaseKilled',
  aim: 'everything',
  strike: async (blow) => {
    const { primary } = blow.installation.database;
    await primary.kill();
    return [await returned(blow)];
  },
};

async function returned(blow: Blow): Promise<Sample> {
  const { installation, random } = blow;
  const awayMs = random.between(500, 5_000);
  blow.tell(`the database stays away for ${(awayMs / 1000).toFixed(1)} s`);
  await sleep(awayMs);
  await installation.database.primary.start();
  return stepRecorded(blow, { what: 'step recorded after return', at: Date.now(), bound: BOUND_SECONDS });
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../fault.ts';
import { stepRecorded } from '../recoveries.ts';

/** On both sides of the 15 s after which steps go on without a checkpoint. */
const LEAST_MS = 3_000;
const MOST_MS = 22_000;

/** The blob store's mount goes away under both controllers; whoever starts in between waits for it. */
export const storeAway: Fault = {
  kind: 'storeAway',
  aim: 'everything',
  strike: async (blow) => {
    const { installation, random } = blow;
    const left = random.flip() ? 'emptyFolder' : 'nothingToRead';
    const awayMs = random.between(LEAST_MS, MOST_MS);
    blow.tell(`${left}, for ${(awayMs / 1000).toFixed(1)} s`);
    installation.takeStore(left);
    await sleep(awayMs);
    installation.returnStore();
    return [await stepRecorded(blow, { what: 'step recorded after return', at: Date.now(), bound: null })];
  },
};

import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../fault.ts';
import { stepRecorded } from '../recoveries.ts';

/** What a tool that watches the primary needs at the least to notice. */
const NOTICED_MS = 300;

/** The primary dies, its synchronous standby takes over, the old one comes back as standby. */
export const failover: Fault = {
  kind: 'failover',
  aim: 'everything',
  strike: async (blow) => {
    const { database } = blow.installation;
    const at = Date.now();
    await database.primary.kill();
    await sleep(NOTICED_MS);
    await database.failOver();
    await database.primary.requireStandby(null);
    const blackout = await stepRecorded(blow, { what: 'blackout until a step is recorded', at, bound: null });
    await database.follow();
    return [blackout];
  },
};

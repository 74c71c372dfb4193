import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../fault.ts';
import { attemptsAt, goneOn } from '../recoveries.ts';

/** As hostLost, but back within the lost period: its agent finds its data and dead shims. */
export const hostRebooted: Fault = {
  kind: 'hostRebooted',
  aim: 'agent',
  strike: async (blow) => {
    const { installation, agent, random, timers } = blow;
    const attempts = await attemptsAt(blow);
    const at = Date.now();
    await installation.loseHost(agent, 'kept');
    await sleep(random.between(0.1, 0.5) * timers.lostMs);
    installation.startAgent(agent);
    return goneOn(blow, attempts, at);
  },
};

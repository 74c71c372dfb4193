import type { Fault } from '../fault.ts';
import { attemptsAt, goneOnElsewhere } from '../recoveries.ts';

/** The machine is gone with everything that ran on it, and comes back later, empty or not. */
export const hostLost: Fault = {
  kind: 'hostLost',
  aim: 'agent',
  strike: async (blow) => {
    const { installation, agent, random, timers } = blow;
    const attempts = await attemptsAt(blow);
    const data = random.flip() ? 'kept' : 'deleted';
    blow.tell(`its data is ${data}; ${attempts.length} steps ran there`);
    const at = Date.now();
    await installation.loseHost(agent, data);
    const samples = await goneOnElsewhere(blow, { attempts, at, bound: timers.elsewhereSeconds });
    installation.startAgent(agent);
    return samples;
  },
};

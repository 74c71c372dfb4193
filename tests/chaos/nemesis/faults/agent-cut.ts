import { setTimeout as sleep } from 'node:timers/promises';
import { dropPackets, healNetwork, pullCable } from '../../cluster/network.ts';
import type { Fault } from '../fault.ts';
import { attemptsAt, goneOnElsewhere } from '../recoveries.ts';

/** The agent and its steps live on behind a dead network, long enough for their work to be given away. */
export const agentCut: Fault = {
  kind: 'agentCut',
  aim: 'agent',
  strike: async (blow) => {
    const { agent, random, timers } = blow;
    const attempts = await attemptsAt(blow);
    const silent = random.flip();
    blow.tell(silent ? 'its packets are dropped' : 'its cable is pulled');
    const at = Date.now();
    if (silent) dropPackets(agent.namespace);
    else pullCable(agent.namespace);
    const [samples] = await Promise.all([
      goneOnElsewhere(blow, { attempts, at, bound: null }),
      sleep(timers.lostMs + random.between(1_000, 4_000)),
    ]);
    healNetwork(agent.namespace);
    return samples;
  },
};

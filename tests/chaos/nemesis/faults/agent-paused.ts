import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../fault.ts';
import { attemptsAt, goneOnElsewhere } from '../recoveries.ts';

/** The agent stands still past its lease and then goes on as if nothing had been. */
export const agentPaused: Fault = {
  kind: 'agentPaused',
  aim: 'agent',
  strike: async (blow) => {
    const { installation, agent, random, timers } = blow;
    const attempts = await attemptsAt(blow);
    const at = Date.now();
    installation.processes.signal(agent.name, 'SIGSTOP');
    const [samples] = await Promise.all([
      goneOnElsewhere(blow, { attempts, at, bound: null }),
      sleep(timers.lostMs + random.between(1_000, 4_000)),
    ]);
    installation.processes.signal(agent.name, 'SIGCONT');
    return samples;
  },
};

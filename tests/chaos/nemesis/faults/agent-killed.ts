import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../fault.ts';
import { attachedAgain, attemptsAt } from '../recoveries.ts';

const BOUND_SECONDS = 2;

/** Only the agent's process dies; its shims and steps go on, and it is back within two seconds. */
export const agentKilled: Fault = {
  kind: 'agentKilled',
  aim: 'agent',
  strike: async (blow) => {
    const { installation, agent, random } = blow;
    const attempts = await attemptsAt(blow);
    installation.processes.signal(agent.name, 'SIGKILL');
    await sleep(random.between(100, 2_000));
    const at = Date.now();
    installation.startAgent(agent);
    return attachedAgain(blow, attempts, { at, bound: BOUND_SECONDS });
  },
};

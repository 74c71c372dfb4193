import { rmSync, writeFileSync } from 'node:fs';
import { pidsIn } from '../../cluster/network.ts';
import { until } from '../../until.ts';
import { holdFile } from '../../workload/repository.ts';
import type { Fault } from '../fault.ts';
import { attemptsAt, goneOnElsewhere } from '../recoveries.ts';

/**
 * Only the agent's process dies, and it stays away. The shims must end its steps before their jobs
 * are given away, or a step runs in two places. Steps are held for so long: they would else be over
 * before their shims lose patience.
 */
const LATE_MS = 2_000;

export const agentGone: Fault = {
  kind: 'agentGone',
  aim: 'everything',
  strike: async (blow) => {
    const { installation, agent, timers } = blow;
    blow.tell(`it is ${agent.name}`);
    const hold = holdFile(installation.scene);
    writeFileSync(hold, '');
    try {
      const attempts = await attemptsAt(blow);
      const running = pidsIn(agent.namespace).length > 1;
      const at = Date.now();
      installation.processes.signal(agent.name, 'SIGKILL');
      await until(
        `the shims at ${agent.name} to end their steps`,
        () => pidsIn(agent.namespace).length === 0,
        {
          limitMs: timers.lostMs + LATE_MS,
          everyMs: 100,
        },
      );
      const ended = {
        what: 'steps ended by their shims',
        seconds: (Date.now() - at) / 1000,
        boundSeconds: timers.lostMs / 1000,
      };
      rmSync(hold, { force: true });
      const elsewhere = await goneOnElsewhere(blow, { attempts, at, bound: timers.elsewhereSeconds });
      // What the database took for running may have ended already, its report on the way.
      return running ? [ended, ...elsewhere] : elsewhere;
    } finally {
      rmSync(hold, { force: true });
      if (!installation.processes.isRunning(agent.name)) installation.startAgent(agent);
    }
  },
};

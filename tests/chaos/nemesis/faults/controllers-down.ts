import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../fault.ts';
import { stepRecorded } from '../recoveries.ts';

/** No controller at all, longer than an agent may be silent: steps must run on and nobody be lost. */
export const controllersDown: Fault = {
  kind: 'controllersDown',
  aim: 'everything',
  ttlMs: ({ downMs }) => downMs + 40_000,
  strike: async (blow) => {
    const { installation, downMs } = blow;
    for (const { name } of installation.controllers) installation.processes.signal(name, 'SIGKILL');
    await sleep(downMs);
    for (const controller of installation.controllers) installation.startController(controller);
    await Promise.race(installation.controllers.map((controller) => installation.waitUntilReady(controller)));
    return [await stepRecorded(blow, { what: 'step recorded after return', at: Date.now(), bound: null })];
  },
};

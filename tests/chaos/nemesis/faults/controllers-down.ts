import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../fault.ts';
import { stepRecorded } from '../recoveries.ts';

const DOWN_MS = 20_000;

/** No controller at all, longer than an agent may be silent: steps must run on and nobody be lost. */
export const controllersDown: Fault = {
  kind: 'controllersDown',
  aim: 'everything',
  strike: async (blow) => {
    const { installation } = blow;
    for (const { name } of installation.controllers) installation.processes.signal(name, 'SIGKILL');
    await sleep(DOWN_MS);
    for (const controller of installation.controllers) installation.startController(controller);
    await Promise.race(installation.controllers.map((controller) => installation.waitUntilReady(controller)));
    return [await stepRecorded(blow, { what: 'step recorded after return', at: Date.now(), bound: null })];
  },
};

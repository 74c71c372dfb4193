import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../fault.ts';
import { exchangedElsewhere } from '../recoveries.ts';

/** Longer than a duty's lease (3 s): it wakes up holding what others have taken over. */
const LEAST_MS = 4_000;
const MOST_MS = 7_000;

export const controllerPaused: Fault = {
  kind: 'controllerPaused',
  aim: 'everything',
  strike: async (blow) => {
    const { installation, controller, probe, random } = blow;
    blow.tell(`it is ${controller.name}`);
    await probe.favour(controller.address);
    const at = Date.now();
    installation.processes.signal(controller.name, 'SIGSTOP');
    const sample = exchangedElsewhere(blow, { at, bound: null });
    await sleep(random.between(LEAST_MS, MOST_MS));
    installation.processes.signal(controller.name, 'SIGCONT');
    return [await sample];
  },
};

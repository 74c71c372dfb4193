import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../fault.ts';
import { exchangedElsewhere } from '../recoveries.ts';

const BOUND_SECONDS = 1;

/** One of two controllers dies in the middle of whatever it did. */
export const controllerKilled: Fault = {
  kind: 'controllerKilled',
  aim: 'everything',
  strike: async (blow) => {
    const { installation, controller, probe, random } = blow;
    blow.tell(`it is ${controller.name}`);
    await probe.favour(controller.address);
    const at = Date.now();
    installation.processes.signal(controller.name, 'SIGKILL');
    const sample = await exchangedElsewhere(blow, { at, bound: BOUND_SECONDS });
    await sleep(random.between(500, 4_000));
    installation.startController(controller);
    await installation.waitUntilReady(controller);
    return [sample];
  },
};

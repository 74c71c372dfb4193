import { setTimeout as sleep } from 'node:timers/promises';
import { dropPackets, healNetwork } from '../../cluster/network.ts';
import type { Fault } from '../fault.ts';
import { exchangedElsewhere } from '../recoveries.ts';

/** Longer than a duty's lease (3 s): its sessions hang at the database while the other one takes over. */
const LEAST_MS = 4_000;
const MOST_MS = 12_000;

/** One of two controllers falls silent for agents, users and the database, and comes back as it was. */
export const controllerCut: Fault = {
  kind: 'controllerCut',
  aim: 'everything',
  strike: async (blow) => {
    const { controller, probe, random } = blow;
    blow.tell(`it is ${controller.name}`);
    await probe.favour(controller.address);
    const at = Date.now();
    dropPackets(controller.namespace);
    const sample = exchangedElsewhere(blow, { at, bound: null });
    await sleep(random.between(LEAST_MS, MOST_MS));
    healNetwork(controller.namespace);
    return [await sample];
  },
};

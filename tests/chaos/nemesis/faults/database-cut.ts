import { setTimeout as sleep } from 'node:timers/promises';
import { dropDatabasePackets, healNetwork } from '../../cluster/network.ts';
import type { Fault } from '../fault.ts';
import { exchangedElsewhere } from '../recoveries.ts';

const LEAST_MS = 4_000;
const MOST_MS = 12_000;

/** Everybody reaches this controller, and it alone does not reach the database: it must say so and be left. */
export const databaseCut: Fault = {
  kind: 'databaseCut',
  aim: 'everything',
  strike: async (blow) => {
    const { installation, controller, probe, random } = blow;
    blow.tell(`it is ${controller.name}`);
    await probe.favour(controller.address);
    const at = Date.now();
    dropDatabasePackets(controller.namespace, installation.database.ends);
    const sample = exchangedElsewhere(blow, { at, bound: null });
    await sleep(random.between(LEAST_MS, MOST_MS));
    healNetwork(controller.namespace);
    return [await sample];
  },
};

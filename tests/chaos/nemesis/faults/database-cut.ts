import { dropDatabasePackets, healNetwork } from '../../cluster/network.ts';
import type { Fault } from '../fault.ts';
import { leaveController } from '../leave-controller.ts';

/** Everybody reaches this controller, and it alone does not reach the database: it must say so and be left. */
export const databaseCut: Fault = {
  kind: 'databaseCut',
  aim: 'everything',
  strike: (blow) =>
    leaveController(blow, {
      leastMs: 4_000,
      mostMs: 12_000,
      harm: ({ controller, installation }) =>
        dropDatabasePackets(controller.namespace, installation.database.ends),
      mend: ({ controller }) => healNetwork(controller.namespace),
    }),
};

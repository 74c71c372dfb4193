import { dropPackets, healNetwork } from '../../cluster/network.ts';
import type { Fault } from '../fault.ts';
import { leaveController } from '../leave-controller.ts';

/** One of two controllers falls silent for agents, users and the database, and comes back as it was. */
export const controllerCut: Fault = {
  kind: 'controllerCut',
  aim: 'everything',
  strike: (blow) =>
    leaveController(blow, {
      // Longer than a duty's lease (3 s): its sessions hang at the database while the other one takes over.
      leastMs: 4_000,
      mostMs: 12_000,
      harm: ({ controller }) => dropPackets(controller.namespace),
      mend: ({ controller }) => healNetwork(controller.namespace),
    }),
};

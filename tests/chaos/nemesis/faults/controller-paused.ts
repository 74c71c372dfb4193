import type { Fault } from '../fault.ts';
import { leaveController } from '../leave-controller.ts';

/** One of two controllers stands still, and goes on as if nothing had been. */
export const controllerPaused: Fault = {
  kind: 'controllerPaused',
  aim: 'everything',
  strike: (blow) =>
    leaveController(blow, {
      // Longer than a duty's lease (3 s): it wakes up holding what others have taken over.
      leastMs: 4_000,
      mostMs: 7_000,
      harm: ({ controller, installation }) => installation.processes.signal(controller.name, 'SIGSTOP'),
      mend: ({ controller, installation }) => installation.processes.signal(controller.name, 'SIGCONT'),
    }),
};

import type { Fault, FaultKind } from './fault.ts';
import { agentCut } from './faults/agent-cut.ts';
import { agentGone } from './faults/agent-gone.ts';
import { agentKilled } from './faults/agent-killed.ts';
import { agentPaused } from './faults/agent-paused.ts';
import { controllerCut } from './faults/controller-cut.ts';
import { controllerKilled } from './faults/controller-killed.ts';
import { controllerPaused } from './faults/controller-paused.ts';
import { controllersDown } from './faults/controllers-down.ts';
import { databaseCut } from './faults/database-cut.ts';
import { databaseKilled, databaseRestarted } from './faults/database-restarted.ts';
import { failover } from './faults/failover.ts';
import { hostLost } from './faults/host-lost.ts';
import { hostRebooted } from './faults/host-rebooted.ts';
import { objectLost } from './faults/object-lost.ts';
import { storeAway } from './faults/store-away.ts';

/** Every fault that the suite knows, by its name on the command line. */
export const CATALOGUE: { readonly [Kind in FaultKind]: Fault } = {
  hostLost,
  hostRebooted,
  agentKilled,
  agentGone,
  agentPaused,
  agentCut,
  controllerKilled,
  controllerPaused,
  controllerCut,
  controllersDown,
  databaseRestarted,
  databaseKilled,
  databaseCut,
  failover,
  storeAway,
  objectLost,
};

import { CUT_OVERS } from './cut-overs.ts';
import { INSTANCE_KILLED } from './instance-killed.ts';
import { NO_DRAIN } from './no-drain.ts';
import { ROUTER_WORKER_KILLED } from './router-worker-killed.ts';
import type { Scenario } from './scenario.ts';

/** In the order of the table. */
export const SCENARIOS: readonly Scenario[] = [...CUT_OVERS, INSTANCE_KILLED, NO_DRAIN, ROUTER_WORKER_KILLED];
export const SCENARIO_NAMES: readonly string[] = SCENARIOS.map(({ name }) => name);

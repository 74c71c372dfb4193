import type { AgentHost, Controller, Installation } from '../cluster/installation.ts';
import type { Random } from '../random.ts';
import type { Records } from '../records.ts';
import type { ExchangeProbe } from './exchange-probe.ts';

/**
 * One way in which a part fails, from the blow to the moment it is mended again. Whatever it leaves
 * broken the nemesis mends: after the fault, and when its time to live is over.
 */
export const FAULT_KINDS = [
  'hostLost',
  'hostRebooted',
  'agentKilled',
  'agentGone',
  'agentPaused',
  'agentCut',
  'controllerKilled',
  'controllerPaused',
  'controllerCut',
  'controllersDown',
  'databaseRestarted',
  'databaseKilled',
  'databaseCut',
  'failover',
  'storeAway',
  'objectLost',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** A duration that was waited for; missing a bound fails the suite. */
export interface Sample {
  readonly what: string;
  readonly seconds: number;
  readonly boundSeconds: number | null;
}

export interface AgentTimers {
  readonly suspectMs: number;
  readonly lostMs: number;
  /** A lost agent's steps run elsewhere within this: detection, grant and restore. */
  readonly elsewhereSeconds: number;
}

export interface Blow {
  readonly installation: Installation;
  readonly records: Records;
  readonly probe: ExchangeProbe;
  readonly random: Random;
  readonly timers: AgentTimers;
  /** How long all controllers are down. */
  readonly downMs: number;
  /** The agent that is struck: one that runs steps. */
  readonly agent: AgentHost;
  readonly controller: Controller;
  readonly tell: (text: string) => void;
}

export interface Fault {
  readonly kind: FaultKind;
  /** What the blow falls on; whose runs it can reach follows from that. */
  readonly aim: 'agent' | 'everything';
  readonly strike: (blow: Blow) => Promise<readonly Sample[]>;
  /** Where it is not TTL_MS. */
  readonly ttlMs?: (blow: Blow) => number;
}

/** A fault that lasts longer is ended by the nemesis, and missed. */
export const TTL_MS = 60_000;

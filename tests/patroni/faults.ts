import { setTimeout as sleep } from 'node:timers/promises';
import type { PatroniCluster } from './cluster/patroni-cluster.ts';
import type { PatroniNode } from './cluster/patroni-node.ts';
import { OldPrimaryProbe } from './old-primary-probe.ts';

/**
 * What is done to the leader. Each resolves when it is undone, so that the cluster can become whole;
 * `struckAt` is told before the blow.
 */
export const FAULTS = ['host lost', 'paused 40 s', 'switchover'] as const;
export type FaultName = (typeof FAULTS)[number];

export interface Blow {
  readonly cluster: PatroniCluster;
  readonly leader: PatroniNode;
  readonly miss: (text: string) => void;
  readonly tell: (text: string) => void;
}

const LOST_FOR_MS = 30_000;
const PAUSED_FOR_MS = 40_000;

export const PERFORM: { readonly [name in FaultName]: (blow: Blow) => Promise<void> } = {
  /** The host comes back when the others have long elected a leader. */
  'host lost': async ({ leader }) => {
    leader.signal('SIGKILL');
    await sleep(LOST_FOR_MS);
    leader.start();
  },

  /** The old primary wakes up with clients' statements in its sockets and believes to be the leader. */
  'paused 40 s': async ({ cluster, leader, miss, tell }) => {
    const probe = await OldPrimaryProbe.open(leader);
    leader.signal('SIGSTOP');
    probe.write('while paused');
    await sleep(PAUSED_FOR_MS);
    leader.signal('SIGCONT');
    await probe.writeNow();
    await cluster.waitUntilWhole();
    for (const sentence of await probe.findings(cluster)) miss(sentence);
    tell(`the old primary was asked for writes after it woke: ${probe.summary}`);
  },

  switchover: async ({ cluster, leader }) => cluster.switchOver(leader),
};

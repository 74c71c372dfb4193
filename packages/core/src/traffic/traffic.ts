import type { Fence } from '../kernel/fence.ts';

/**
 * What routers are told. A snapshot is complete: it names every group of instances of one
 * environment and each group's share of new requests. Routers take the newest and refuse older.
 */
export const WHOLE = 10_000;

/** `previous`: the last release, kept running without traffic, so that a rollback takes a second. */
export type GroupName = 'stable' | 'baseline' | 'candidate' | 'previous';

export interface Upstream {
  readonly id: string;
  readonly host: string;
  readonly port: number;
}

export interface TrafficGroup {
  readonly name: GroupName;
  readonly release: string;
  /** Basis points of 10,000. The shares of a snapshot with any instance add up to 10,000. */
  readonly share: number;
  readonly upstreams: readonly Upstream[];
}

/** A request that carries this goes to the candidate. A header's name is compared without case. */
export interface Route {
  readonly kind: 'header' | 'cookie';
  readonly name: string;
  readonly value: string;
}

/** What leads to the candidate besides its share. */
export interface CandidateAccess {
  readonly routes: readonly Route[];
  /** Basis points of stable's safe requests that are copied to it. */
  readonly mirror: number;
  /** Port of the router where every request goes to it; null: none. */
  readonly preview: number | null;
}

export const NO_ACCESS: CandidateAccess = { routes: [], mirror: 0, preview: null };

export type Stickiness =
  | { readonly kind: 'none' }
  | { readonly kind: 'cookie' }
  | { readonly kind: 'header'; readonly name: string };

export interface SnapshotContent {
  readonly sticky: Stickiness;
  readonly drainDeadlineMs: number;
  readonly access: CandidateAccess;
  readonly groups: readonly TrafficGroup[];
}

export interface Snapshot extends SnapshotContent {
  readonly environment: string;
  readonly generation: number;
  readonly revision: number;
}

export type Version = Pick<Snapshot, 'generation' | 'revision'>;

export function compareVersion(a: Version, b: Version): number {
  return a.generation - b.generation || a.revision - b.revision;
}

export type InstanceState = 'starting' | 'ready' | 'unready' | 'draining' | 'stopped' | 'crashed';

/** `run`: serve when ready. `drain`: leave the snapshot, finish what is in flight. `stop`: SIGTERM. */
export type Desired = 'run' | 'drain' | 'stop';

export interface Instance {
  readonly id: string;
  readonly release: string;
  readonly group: GroupName;
  readonly agent: string;
  readonly host: string;
  readonly port: number | null;
  readonly desired: Desired;
  readonly state: InstanceState;
  readonly reason: string | null;
  readonly fence: Fence;
  /** The database clock, ms. */
  readonly createdAt: number;
  readonly readyAt: number | null;
  /** Since when it is being drained, and the first snapshot that does not name it. */
  readonly drainSince: number | null;
  readonly excludedBy: Version | null;
}

export interface RouterWorker {
  readonly id: string;
  readonly router: string;
  readonly acknowledged: Version;
  /** Requests in flight by instance, as the worker last said. */
  readonly inFlight: { readonly [instance: string]: number };
  /** How long ago the worker last spoke, by the database clock. */
  readonly silenceMs: number;
}

import type { SignalName } from './throttle.ts';

/**
 * One schema change of a user's database, in phases that are tied to rollouts:
 *
 *   planned ─▶ expanding ─▶ expanded ─▶ backfilling ─▶ verifying ─▶ ready ─▶ contracting ─▶ done
 *                                           ▲              │
 *                                           └── rows differ ┘
 *   expanding, backfilling, verifying, contracting, aborting ⇄ paused (a person, a signal, a failure)
 *   everything up to ready ─▶ aborting ─▶ aborted ─▶ planned (wanted again)
 *
 * Expanded: both shapes exist and are kept equal, and both releases work. Ready: the new shape is
 * complete. Contracting takes the old shape away and is the point of no return. Owner of every
 * transition: the migration duty of the environment; people only send events. What was done of a phase
 * stands in the target database itself, beside the data (the executor's ledger), so that any
 * replica can go on after a kill -9 at any point.
 */
export const MIGRATION_STATES = [
  'planned',
  'expanding',
  'expanded',
  'backfilling',
  'paused',
  'verifying',
  'ready',
  'contracting',
  'done',
  'aborting',
  'aborted',
] as const;
export type MigrationState = (typeof MIGRATION_STATES)[number];

export const MIGRATION_PHASES = ['expand', 'backfill', 'verify', 'contract', 'abort'] as const;
export type MigrationPhase = (typeof MIGRATION_PHASES)[number];

/**
 * person: until somebody resumes it · signal: the database is busy or away, goes on by itself ·
 * failure: a statement failed in a way that trying again does not mend.
 */
export type PausedBy = 'person' | 'signal' | 'failure';

export interface Migration {
  /** Number of its folder: the order in which migrations run. */
  readonly version: number;
  readonly name: string;
  /** Of its files: other content is another migration. */
  readonly digest: string;
  /** Its contract phase takes something away; without one every release bears it. */
  readonly contracts: boolean;
  readonly state: MigrationState;
  readonly stateSince: number;
  readonly paused: {
    readonly from: MigrationState;
    readonly by: PausedBy;
    /** Whose limit was passed; absent: something else is in the way. */
    readonly signal?: SignalName | null;
  } | null;
  readonly reason: string | null;
  readonly progress: Progress | null;
  /** How often verification has sent it back to the backfill. */
  readonly rounds: number;
  /** What a person asked for, whether or not a release needs it yet. */
  readonly asked: 'ready' | 'contract' | 'abort' | null;
}

export interface Progress {
  readonly rows: number;
  /** Estimated by the planner's statistics; null: not known. */
  readonly total: number | null;
  readonly rowsPerSecond: number | null;
  /** Rows a batch. */
  readonly batch: number | null;
}

/** How far it should get now, and why no further. */
export interface Wish {
  readonly to: 'nothing' | 'ready' | 'contract';
  /** Why it is not contracted yet; null: nothing hinders. */
  readonly hindrance: string | null;
}

/** What the executor came back with after some time of work on a phase. */
export type PhaseOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'more'; readonly progress: Progress | null }
  | {
      readonly kind: 'waits';
      readonly reason: string;
      readonly signal: SignalName | null;
      readonly progress: Progress | null;
    }
  | { readonly kind: 'differs'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

export type MigrationEvent =
  | { readonly kind: 'tick'; readonly wish: Wish }
  | { readonly kind: 'worked'; readonly phase: MigrationPhase; readonly outcome: PhaseOutcome }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'expand' }
  | { readonly kind: 'contract' }
  | { readonly kind: 'abort' };

export interface MigrationRefusal {
  readonly code: 'migrationStateUnfit';
  readonly sentence: string;
}

export function planned(
  of: Pick<Migration, 'version' | 'name' | 'digest'> & Partial<Pick<Migration, 'contracts'>>,
  now: number,
): Migration {
  const { version, name, digest, contracts = true } = of;
  return {
    version,
    name,
    digest,
    contracts,
    state: 'planned',
    stateSince: now,
    paused: null,
    reason: null,
    progress: null,
    rounds: 0,
    asked: null,
  };
}

/** The state it is in, or was in when it was paused. */
export function underlying({ state, paused }: Migration): MigrationState {
  return state === 'paused' && paused ? paused.from : state;
}

export function labelOf({ version, name }: Pick<Migration, 'version' | 'name'>): string {
  return `${String(version).padStart(4, '0')}_${name}`;
}

/** Something of it was done, or may have been: its files must stay as they are. */
export function isBegun({ state }: Migration): boolean {
  return state !== 'planned' && state !== 'aborted';
}

/** The old shape is gone, or going. */
export function isGone(migration: Migration): boolean {
  return ['contracting', 'done'].includes(underlying(migration));
}

/** Both shapes are whole, or the old one is gone: what comes after it may begin. */
export function isComplete(migration: Migration): boolean {
  return underlying(migration) === 'ready' || isGone(migration);
}

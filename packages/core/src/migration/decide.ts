import { unreachable } from '../kernel/invariant.ts';
import { accept, type Result, refuse } from '../kernel/result.ts';
import {
  isGone,
  labelOf,
  type Migration,
  type MigrationEvent,
  type MigrationPhase,
  type MigrationRefusal,
  type MigrationState,
  type PausedBy,
  type PhaseOutcome,
  underlying,
  type Wish,
} from './migration.ts';
import type { SignalName } from './throttle.ts';

/** Rows that still differ after so many backfills are written by somebody past the trigger. */
const ROUNDS = 3;

export function decide(
  migration: Migration,
  event: MigrationEvent,
  now: number,
): Result<Migration, MigrationRefusal> {
  switch (event.kind) {
    case 'tick':
      return accept(tick(migration, event.wish, now));
    case 'worked':
      return accept(worked(migration, event, now));
    case 'pause':
      return pause(migration, now);
    case 'resume':
      if (migration.state !== 'paused' || !migration.paused) return unfit(migration, 'resumed');
      return accept({ ...to(migration, migration.paused.from, now), reason: null, rounds: 0 });
    case 'expand':
      // Also what a release has begun that then went away: nobody else would go on with it.
      if (!ADVANCEABLE.includes(migration.state)) return unfit(migration, 'expanded');
      return accept({ ...migration, asked: 'ready' });
    case 'contract':
      if (underlying(migration) !== 'ready' && underlying(migration) !== 'contracting')
        return unfit(migration, 'contracted; its backfill must be done first');
      return accept({ ...migration, asked: 'contract' });
    case 'abort':
      return abort(migration, now);
    default:
      return unreachable(event);
  }
}

/** The phase that the executor works on in this state; null: there is nothing to do. */
export function phaseToDo(migration: Migration): MigrationPhase | null {
  if (migration.paused && migration.paused.by !== 'signal') return null;
  return PHASE_OF[underlying(migration)] ?? null;
}

const PHASE_OF: Partial<Record<MigrationState, MigrationPhase>> = {
  expanding: 'expand',
  backfilling: 'backfill',
  verifying: 'verify',
  contracting: 'contract',
  aborting: 'abort',
};

const AFTER: Record<MigrationPhase, MigrationState> = {
  expand: 'expanded',
  backfill: 'verifying',
  verify: 'ready',
  contract: 'done',
  abort: 'aborted',
};

/** Whether its phases go on: a release needs it, or somebody asked. */
export function isWanted({ asked }: Migration, { to: wanted }: Wish): boolean {
  return wanted !== 'nothing' || asked === 'ready' || asked === 'contract';
}

function tick(migration: Migration, wish: Wish, now: number): Migration {
  const { state } = migration;
  if (state === 'aborted' && isWanted(migration, wish))
    return { ...to(migration, 'planned', now), asked: migration.asked === 'abort' ? null : migration.asked };
  if (state === 'planned' && isWanted(migration, wish)) return to(migration, 'expanding', now);
  if (state === 'expanded' && isWanted(migration, wish)) return to(migration, 'backfilling', now);
  if (state !== 'ready') return migration;
  if (wish.hindrance === null && (wish.to === 'contract' || migration.asked === 'contract'))
    return to(migration, 'contracting', now);
  return { ...migration, reason: wish.hindrance };
}

/** What was reported of a phase that is no longer the one at hand says nothing. */
function worked(
  migration: Migration,
  { phase, outcome }: { readonly phase: MigrationPhase; readonly outcome: PhaseOutcome },
  now: number,
): Migration {
  if (phaseToDo(migration) !== phase) return migration;
  const awake = migration.state === 'paused' ? to(migration, underlying(migration), now) : migration;
  switch (outcome.kind) {
    case 'done':
      return { ...to(awake, AFTER[phase], now), reason: null };
    case 'more':
      return { ...awake, reason: null, progress: outcome.progress ?? migration.progress };
    case 'waits':
      return {
        ...rest(migration, 'signal', { now, reason: outcome.reason, signal: outcome.signal }),
        progress: outcome.progress ?? migration.progress,
      };
    case 'differs':
      if (migration.rounds >= ROUNDS) return rest(migration, 'failure', { now, reason: outcome.reason });
      return { ...to(awake, 'backfilling', now), rounds: migration.rounds + 1, reason: outcome.reason };
    case 'failed':
      return rest(migration, 'failure', { now, reason: outcome.reason });
    default:
      return unreachable(outcome);
  }
}

function pause(migration: Migration, now: number): Result<Migration, MigrationRefusal> {
  if (PHASE_OF[underlying(migration)] === undefined) return unfit(migration, 'paused');
  return accept(rest(migration, 'person', { now, reason: 'paused by hand' }));
}

const ADVANCEABLE: readonly MigrationState[] = [
  'planned',
  'aborted',
  'expanding',
  'expanded',
  'backfilling',
  'verifying',
];

const ABORTABLE: readonly MigrationState[] = [
  'planned',
  'expanding',
  'expanded',
  'backfilling',
  'verifying',
  'ready',
  'aborting',
];

function abort(migration: Migration, now: number): Result<Migration, MigrationRefusal> {
  const state = underlying(migration);
  if (isGone(migration)) return unfit(migration, 'aborted: the old shape is gone, or going');
  if (!ABORTABLE.includes(state)) return unfit(migration, 'aborted');
  if (state === 'planned') return accept({ ...to(migration, 'aborted', now), asked: 'abort' });
  return accept({ ...to(migration, 'aborting', now), asked: 'abort', reason: null });
}

function to(migration: Migration, state: MigrationState, now: number): Migration {
  return { ...migration, state, stateSince: now, paused: null };
}

function rest(
  migration: Migration,
  by: PausedBy,
  {
    now,
    reason,
    signal = null,
  }: { readonly now: number; readonly reason: string; readonly signal?: SignalName | null },
): Migration {
  const from = underlying(migration);
  const since = migration.state === 'paused' ? migration.stateSince : now;
  return { ...migration, state: 'paused', stateSince: since, paused: { from, by, signal }, reason };
}

function unfit(migration: Migration, verb: string): Result<Migration, MigrationRefusal> {
  return refuse({
    code: 'migrationStateUnfit',
    sentence: `migration ${labelOf(migration)} is ${migration.state} and cannot be ${verb}`,
  });
}

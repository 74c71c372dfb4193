import type { MigrationState } from '@holdfast/core/migration/migration.ts';
import type { Random } from '../../chaos/random.ts';

/** Which strikes a life gets, and when: all of it follows from the seed. */
export interface Strike {
  readonly stage: number;
  readonly kind: 'kill' | 'pause' | 'crash';
  /** After so many statements that the worker sent, or after some time. */
  readonly at: { readonly statements: number } | { readonly ms: number };
  /** Until a new worker comes, or the database is started again. */
  readonly gapMs: number;
  readonly asleepMs: number;
}

/** Stages in their order; the last is the contract phase, or the abort. */
export const STAGES = ['expand', 'backfill', 'verify', 'ready', 'contract'] as const;
export const READY = STAGES.indexOf('ready');

const STAGE_OF: Record<Exclude<MigrationState, 'paused'>, number> = {
  planned: 0,
  expanding: 0,
  expanded: 1,
  backfilling: 1,
  verifying: 2,
  ready: READY,
  contracting: 4,
  aborting: 4,
  done: 5,
  aborted: 5,
};

export function stageOf(state: MigrationState): number {
  return STAGE_OF[state as keyof typeof STAGE_OF];
}

const SHARES = { done: [0.2, 0.35, 0.15, 0.1, 0.2], aborted: [0.2, 0.3, 0.1, 0, 0.4] };

export function campaign(points: number, end: 'done' | 'aborted', random: Random): readonly Strike[] {
  const shares = SHARES[end];
  const ends = shares.map((_, place) =>
    Math.round(points * shares.slice(0, place + 1).reduce((sum, share) => sum + share, 0)),
  );
  const kinds = kindsOf(points, random);
  return shares.flatMap((_, stage) => {
    const own = kinds.slice(ends[stage - 1] ?? 0, ends[stage]);
    return own.map((kind, place) => {
      const at = isLong(stage) ? somewhere(place, random) : early(place, own.length, random);
      return strike({ stage, kind, at }, random);
    });
  });
}

/** Of each four, two kills, a pause and a crash. */
function kindsOf(points: number, random: Random): readonly Strike['kind'][] {
  const four = ['kill', 'kill', 'pause', 'crash'] as const;
  return Array.from({ length: Math.ceil(points / 4) }, () => random.shuffled(four))
    .flat()
    .slice(0, points);
}

/** The phases that last; the others are over within a few milliseconds. */
export function isLong(stage: number): boolean {
  return ['backfill', 'ready'].includes(STAGES[stage] ?? '');
}

/** Just after it has begun, then at any time or at any statement. */
function somewhere(place: number, random: Random): Strike['at'] {
  if (place === 0) return { ms: random.between(0, 20) };
  if (random.next() < 0.35) return { ms: random.between(0, 500) };
  return { statements: Math.ceil(random.between(0, 150)) };
}

/** A worker sends at least so many before the first step of a phase is marked. */
const SENT_BEFORE_STEP = 13;
const LATE = 2;

/** Before a step is done, so that the phase is still there for the next strike; the last ones let it go on. */
function early(place: number, of: number, random: Random): Strike['at'] {
  const [least, most] = place < of - LATE ? [0, SENT_BEFORE_STEP] : [SENT_BEFORE_STEP - 5, 24];
  return { statements: Math.ceil(random.between(least, most)) };
}

/** The same for a strike that comes in another stage than it was meant for. */
export function statementsLate({ at }: Strike): number {
  return 1 + (Math.round('statements' in at ? at.statements : at.ms) % SENT_BEFORE_STEP);
}

/** So many of the sleepers wake up when everything is over: what they do then must not count, either. */
const SLEEPS_TO_THE_END = 0.25;

function strike(of: Pick<Strike, 'stage' | 'kind' | 'at'>, random: Random): Strike {
  return {
    ...of,
    gapMs: random.between(0, of.kind === 'pause' ? 600 : 150),
    asleepMs: random.next() < SLEEPS_TO_THE_END ? 600_000 : random.between(300, 6_000),
  };
}

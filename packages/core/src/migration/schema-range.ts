import {
  isComplete,
  isGone,
  labelOf,
  type Migration,
  type MigrationState,
  underlying,
  type Wish,
} from './migration.ts';

/**
 * What a release can live with. Of each change in its tree it uses the new shape, so each must be ready;
 * of any other one it knows nothing and uses the old shape, so that one may not be contracted. By the tree
 * and not by the highest number: changes of two branches come in any order.
 */
export interface SchemaRange {
  readonly versions: readonly number[];
  /** Of its versions, those up to here must be ready before it gets traffic. */
  readonly min: number;
  /** It also bears the contraction of changes up to here that its tree does not hold. */
  readonly max: number;
}

/** From the versions in its tree, unless the author knows better. */
export function rangeOf(
  versions: readonly number[],
  given: { readonly min?: number | undefined; readonly max?: number | undefined } = {},
): SchemaRange {
  return { versions, min: given.min ?? Math.max(0, ...versions), max: given.max ?? 0 };
}

/** Of a release that names no database: it knows no change. */
export const NO_SCHEMA: SchemaRange = { versions: [], min: 0, max: 0 };

export function holds({ versions }: SchemaRange, version: number): boolean {
  return versions.includes(version);
}

function bears(range: SchemaRange, version: number): boolean {
  return holds(range, version) || version <= range.max;
}

function requires(range: SchemaRange, version: number): boolean {
  return holds(range, version) && version <= range.min;
}

const EXPANDED: readonly MigrationState[] = [
  'expanded',
  'backfilling',
  'verifying',
  'ready',
  'contracting',
  'done',
];

/** Why its instances may not start yet; null: they may. */
export function startHindrance(range: SchemaRange, migrations: readonly Migration[]): string | null {
  const first = migrations.find((one) => requires(range, one.version) && !EXPANDED.includes(underlying(one)));
  return first ? waiting(first, 'expanded') : null;
}

/** Why no traffic may move to it yet; null: it may. */
export function trafficHindrance(range: SchemaRange, migrations: readonly Migration[]): string | null {
  const first = migrations.find((one) => requires(range, one.version) && !isComplete(one));
  return first ? waiting(first, 'ready') : null;
}

function waiting(migration: Migration, until: string): string {
  const { progress, reason } = migration;
  const done = progress?.total
    ? `, ${Math.min(99, Math.floor((100 * progress.rows) / progress.total))} %`
    : '';
  const why = reason ? `: ${reason}` : '';
  return `waits for migration ${labelOf(migration)} to be ${until} (${migration.state}${done}${why})`;
}

/** Why the release can never serve on this schema; null: it can. */
export function rollbackHindrance(
  { number, range }: { readonly number: number; readonly range: SchemaRange },
  migrations: readonly Migration[],
): string | null {
  const gone = migrations.find((one) => one.contracts && !bears(range, one.version) && isGone(one));
  if (!gone) return null;
  return `release ${number} does not know migration ${labelOf(gone)}, which was contracted: what it reads is gone; roll forward instead`;
}

/** What may still need a shape. */
export interface SchemaUser {
  readonly number: number;
  readonly range: SchemaRange;
  /** Its rollout waits for people: what it will need is not begun yet. */
  readonly waits?: boolean;
  /** It runs, is on its way to traffic, or can be returned to. */
  readonly why: 'serves' | 'isRolledOut' | 'isKept' | 'hasInstances';
}

/** How far a migration should get, by those who use the schema. */
export function wishFor(
  { version, contracts }: Pick<Migration, 'version' | 'contracts'>,
  users: readonly SchemaUser[],
  { settled, manual }: { readonly settled: boolean; readonly manual: boolean },
): Wish {
  const needs = users.some((user) => isNeededBy(user, version));
  if (!needs) return { to: 'nothing', hindrance: 'no release that is kept needs it' };
  if (!contracts) return { to: 'contract', hindrance: null };
  const old = users.find((user) => isOldFor(user, version));
  if (old)
    return { to: 'ready', hindrance: `release ${old.number} ${WORDS[old.why]} and uses the old shape` };
  if (!settled) return { to: 'ready', hindrance: 'the rollout has not ended' };
  return { to: manual ? 'ready' : 'contract', hindrance: null };
}

export function isNeededBy({ range, waits }: SchemaUser, version: number): boolean {
  return waits !== true && holds(range, version);
}

/** It uses the old shape. */
export function isOldFor({ range }: SchemaUser, version: number): boolean {
  return !bears(range, version);
}

const WORDS: Record<SchemaUser['why'], string> = {
  serves: 'serves',
  isRolledOut: 'is being rolled out',
  isKept: 'can still be returned to',
  hasInstances: 'has instances that run',
};

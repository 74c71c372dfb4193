import {
  isComplete,
  labelOf,
  type Migration,
  type MigrationState,
  underlying,
  type Wish,
} from './migration.ts';

/**
 * What a release can live with. Its tree holds migrations up to some version: of each it uses the
 * new shape, so each must be ready; of later ones it knows nothing and uses the old shape, so none of
 * them may be contracted.
 */
export interface SchemaRange {
  /** Migrations up to here must be ready before it gets traffic. */
  readonly min: number;
  /** Migrations after this must not be contracted while it is kept. */
  readonly max: number;
}

/** From the versions in its tree, unless the author knows better. */
export function rangeOf(
  versions: readonly number[],
  given: { readonly min?: number | undefined; readonly max?: number | undefined } = {},
): SchemaRange {
  const newest = Math.max(0, ...versions);
  return { min: given.min ?? newest, max: given.max ?? newest };
}

const EXPANDED: readonly MigrationState[] = [
  'expanded',
  'backfilling',
  'verifying',
  'ready',
  'contracting',
  'done',
];
const GONE: readonly MigrationState[] = ['contracting', 'done'];

/** Why its instances may not start yet; null: they may. */
export function startHindrance(range: SchemaRange, migrations: readonly Migration[]): string | null {
  const first = migrations.find((one) => one.version <= range.min && !EXPANDED.includes(underlying(one)));
  return first ? waiting(first, 'expanded') : null;
}

/** Why no traffic may move to it yet; null: it may. */
export function trafficHindrance(range: SchemaRange, migrations: readonly Migration[]): string | null {
  const first = migrations.find((one) => one.version <= range.min && !isComplete(one));
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
  const gone = migrations.find(
    (one) => one.contracts && one.version > range.max && GONE.includes(underlying(one)),
  );
  if (!gone) return null;
  return `release ${number} lives with the schema up to ${range.max}, and migration ${labelOf(gone)} was contracted: what it reads is gone; roll forward instead`;
}

/** What may still need a shape. */
export interface SchemaUser {
  readonly number: number;
  readonly range: SchemaRange;
  /** The newest change in its tree. */
  readonly holds: number;
  /** It runs, is on its way to traffic, or can be returned to. */
  readonly why: 'serves' | 'isRolledOut' | 'isKept' | 'hasInstances';
}

/** How far a migration should get, by those who use the schema. */
export function wishFor(
  { version, contracts }: Pick<Migration, 'version' | 'contracts'>,
  users: readonly SchemaUser[],
  { settled, manual }: { readonly settled: boolean; readonly manual: boolean },
): Wish {
  const needs = users.some(({ holds }) => holds >= version);
  if (!needs) return { to: 'nothing', hindrance: 'no release that is kept needs it' };
  if (!contracts) return { to: 'contract', hindrance: null };
  const old = users.find(({ range }) => range.max < version);
  if (old)
    return { to: 'ready', hindrance: `release ${old.number} ${WORDS[old.why]} and uses the old shape` };
  if (!settled) return { to: 'ready', hindrance: 'the rollout has not ended' };
  return { to: manual ? 'ready' : 'contract', hindrance: null };
}

const WORDS: Record<SchemaUser['why'], string> = {
  serves: 'serves',
  isRolledOut: 'is being rolled out',
  isKept: 'can still be returned to',
  hasInstances: 'has instances that run',
};

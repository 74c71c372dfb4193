/**
 * What a statement does to the tables that others use: the strongest lock it takes on each, and
 * whether it writes the table anew or reads all of it while it holds that lock. The rules judge by
 * this, and the oracle (tests/lock-oracle) compares it with what PostgreSQL does.
 */
export const LOCK_MODES = [
  'ACCESS SHARE',
  'ROW SHARE',
  'ROW EXCLUSIVE',
  'SHARE UPDATE EXCLUSIVE',
  'SHARE',
  'SHARE ROW EXCLUSIVE',
  'EXCLUSIVE',
  'ACCESS EXCLUSIVE',
] as const;
export type LockMode = (typeof LOCK_MODES)[number];

/** As pg_locks names it: AccessShareLock. */
export function catalogName(mode: LockMode): string {
  const words = mode.split(' ').map((word) => word.charAt(0) + word.slice(1).toLowerCase());
  return `${words.join('')}Lock`;
}

export interface Effect {
  readonly relation: string;
  readonly lock: LockMode;
  readonly rewrite: boolean;
  readonly scan: boolean;
  /** Only this relation: its partitions are not touched. */
  readonly alone?: boolean;
}

export interface Effects {
  readonly on: readonly Effect[];
  /** PostgreSQL refuses it inside a transaction block. */
  readonly outside: boolean;
  /** false: nobody taught the linter this statement; it says so instead of calling it safe. */
  readonly known: boolean;
}

export const NO_EFFECTS: Effects = { on: [], outside: false, known: true };
export const UNKNOWN: Effects = { on: [], outside: false, known: false };

export function lock(
  relation: string,
  mode: LockMode,
  does: Partial<Pick<Effect, 'rewrite' | 'scan' | 'alone'>> = {},
): Effect {
  return {
    relation,
    lock: mode,
    rewrite: does.rewrite ?? false,
    scan: does.scan ?? false,
    ...(does.alone ? { alone: true } : {}),
  };
}

export function effects(on: readonly Effect[], how: Partial<Pick<Effects, 'outside'>> = {}): Effects {
  return { on: merge(on), outside: how.outside ?? false, known: true };
}

/** Its partitions, and theirs, all the way down. */
export function below(
  relation: string,
  partitionsOf: (relation: string) => readonly string[],
): readonly string[] {
  return partitionsOf(relation).flatMap((child) => [child, ...below(child, partitionsOf)]);
}

/** What is done to a table is done to each of its partitions. */
export function withPartitions(
  given: Effects,
  partitionsOf: (relation: string) => readonly string[],
): Effects {
  const on = given.on.flatMap(({ alone, ...effect }) =>
    alone
      ? [effect]
      : [effect, ...below(effect.relation, partitionsOf).map((relation) => ({ ...effect, relation }))],
  );
  return { ...given, on: merge(on) };
}

export function isStronger(one: LockMode, other: LockMode): boolean {
  return LOCK_MODES.indexOf(one) > LOCK_MODES.indexOf(other);
}

/** What others cannot do meanwhile; null: they notice nothing. */
export function blockedBy(mode: LockMode): 'reads and writes' | 'writes' | null {
  if (mode === 'ACCESS EXCLUSIVE') return 'reads and writes';
  return isStronger(mode, 'SHARE UPDATE EXCLUSIVE') ? 'writes' : null;
}

/** One entry a relation: the strongest lock, and everything that is done. */
function merge(all: readonly Effect[]): readonly Effect[] {
  const byRelation = Map.groupBy(
    all.filter(({ relation }) => relation !== ''),
    ({ relation }) => relation,
  );
  return [...byRelation.values()].map((own) =>
    own.reduce((one, other) => ({
      ...(one.alone && other.alone ? { alone: true } : {}),
      relation: one.relation,
      lock: isStronger(other.lock, one.lock) ? other.lock : one.lock,
      rewrite: one.rewrite || other.rewrite,
      scan: one.scan || other.scan,
    })),
  );
}

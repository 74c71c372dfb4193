import type { LockMode } from '@holdfast/migration/effects/effect.ts';

/** What PostgreSQL did to one relation that was there before. */
export interface Observed {
  /** Bare where the search path finds it, and always with its schema. */
  readonly names: readonly string[];
  /** pg_class.relkind. */
  readonly kind: string;
  readonly lock: LockMode | null;
  /** null: it has no file of its own, such as a view or a partitioned table. */
  readonly rewrite: boolean | null;
  /** null: there was no row to read, so reading all of them shows nothing. */
  readonly scan: boolean | null;
}

export interface Observation {
  /** It was refused in a transaction block (25001). */
  readonly outside: boolean;
  readonly on: readonly Observed[];
  /** Of relations that the statement itself made. */
  readonly made: readonly string[];
}

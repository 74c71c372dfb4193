/**
 * One declared change and how two releases live with it. A row holds a token, a whole number that
 * nobody else ever writes; both shapes are computed from it, so that whatever a release reads can be
 * held against who wrote what.
 */
export interface Change {
  readonly name: string;
  /** The entries below `changes:` of migration.yaml. */
  readonly yaml: string;
  /** The tables before it. */
  readonly schema: string;
  /** One release does not know every column of the other: a row that both write is a mixture. */
  readonly apart?: boolean;
  /** The new release says by holdfast.schema_version that it knows the change: its nulls are meant. */
  readonly says?: boolean;
  /** Rows of the new release may be without this column for good: an abort leaves it nullable. */
  readonly nullable?: string;
  readonly old: Shape;
  readonly new: Shape;
}

export type Side = 'old' | 'new';

/** What a release knows of the schema: one table with an `id`, and columns by their types. */
export interface Shape {
  /** As the release calls it, quoted where needed. */
  readonly table: string;
  readonly columns: Readonly<Record<string, string>>;
  readonly writes: (token: number) => readonly Value[];
  /** What it reads, a column each, in a row that `by` wrote last. */
  readonly shows: (token: number, by: Side) => readonly Shown[];
  /** Another statement by the same key ($1) after each insert. */
  readonly also?: string;
}

/** As PostgreSQL prints it. */
export type Value = string | null;
/** `ANY`: it follows from nothing. A list: one of these. */
export type Shown = Value | typeof ANY | readonly Value[];
export const ANY = Symbol('any');

export function fits(shown: Shown | undefined, value: Value | undefined): boolean {
  if (shown === ANY) return true;
  return Array.isArray(shown) ? shown.includes(value ?? null) : shown === value;
}

/** Every tenth token stands for no value, where a column takes none. */
export function orNull(token: number, value: string): Value {
  return token % 10 === 0 ? null : value;
}

/** A shape in which a release reads what was written, whoever wrote it. */
export function shape(
  table: string,
  columns: Shape['columns'],
  writes: (token: number) => readonly Value[],
): Shape {
  return { table, columns, writes, shows: writes };
}

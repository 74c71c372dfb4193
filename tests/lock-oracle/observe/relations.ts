import { isStronger, type LockMode } from '@holdfast/migration/effects/effect.ts';
import type pg from 'pg';
import type { Observed } from './observation.ts';

/** A user's relation at one moment. */
export interface Relation {
  readonly oid: string;
  readonly names: readonly string[];
  readonly kind: string;
  /** Its file: another one after a rewrite. */
  readonly file: string | null;
  /** Rows that sequential and index scans returned, as far as this session counted them. */
  readonly read: number;
}

const RELATIONS = `
SELECT c.oid::text AS oid, c.relkind AS kind, pg_relation_filenode(c.oid)::text AS file,
  CASE WHEN pg_table_is_visible(c.oid) THEN ARRAY[c.relname::text] ELSE '{}' END || (n.nspname || '.' || c.relname) AS names,
  (STATS(c.oid) + coalesce((SELECT sum(STATS(i.indexrelid)) FROM pg_index i WHERE i.indrelid = c.oid), 0))::int AS read
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S', 'i', 'I') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'`;

/**
 * In a transaction the counts are those not handed in yet, which is why two moments are compared;
 * outside of one they are read back after the session was told to hand them in.
 */
export async function relationsNow(
  client: pg.Client,
  when: 'inside' | 'outside',
): Promise<readonly Relation[]> {
  const stats = when === 'inside' ? 'pg_stat_get_xact_tuples_returned' : 'pg_stat_get_tuples_returned';
  return (await client.query<Relation>(RELATIONS.replaceAll('STATS', stats))).rows;
}

/** Rows of each table, by oid: how much a full read must have returned. */
export async function rowCounts(
  client: pg.Client,
  relations: readonly Relation[],
): Promise<ReadonlyMap<string, number>> {
  const stored = relations.filter(({ kind }) => kind === 'r' || kind === 'm');
  if (stored.length === 0) return new Map();
  const counts = stored.map(({ oid, names }) => {
    const quoted = (names.at(-1) ?? '').split('.').map((part) => `"${part}"`);
    return `SELECT '${oid}' AS oid, count(*)::int AS rows FROM ONLY ${quoted.join('.')}`;
  });
  const found = await client.query<{ oid: string; rows: number }>(counts.join(' UNION ALL '));
  return new Map(found.rows.map(({ oid, rows }) => [oid, rows]));
}

export interface Moments {
  readonly before: readonly Relation[];
  readonly after: readonly Relation[];
  readonly rows: ReadonlyMap<string, number>;
  readonly locks: ReadonlyMap<string, LockMode>;
}

export function whatHappened({ before, after, rows, locks }: Moments): readonly Observed[] {
  const later = new Map(after.map((relation) => [relation.oid, relation]));
  return before.map(({ oid, names, kind, file, read }) => {
    const now = later.get(oid);
    const expected = rows.get(oid) ?? 0;
    const rewrite = file === null ? null : now !== undefined && now.file !== file;
    const scan = expected === 0 || now === undefined ? null : now.read - read >= expected;
    return { names, kind, lock: locks.get(oid) ?? null, rewrite, scan };
  });
}

export function namesMade({ before, after }: Pick<Moments, 'before' | 'after'>): readonly string[] {
  const known = new Set(before.flatMap(({ names }) => names));
  return after.flatMap(({ names }) => names).filter((name) => !known.has(name));
}

/** The strongest mode of each relation, by oid. */
export function strongest(
  all: readonly { readonly oid: string; readonly mode: LockMode }[],
): Map<string, LockMode> {
  const modes = new Map<string, LockMode>();
  for (const { oid, mode } of all) {
    const known = modes.get(oid);
    if (!known || isStronger(mode, known)) modes.set(oid, mode);
  }
  return modes;
}

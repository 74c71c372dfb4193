import type { Node } from '@pgsql/types';
import type { Catalog } from '../catalog/catalog.ts';
import { stringsOf } from '../sql/names.ts';

/**
 * Whether an expression gives another value for each row: then a new column with it as a default is
 * written row by row. now() is stable, evaluated once, and quick. A function nobody knows counts as
 * volatile.
 */
export function isVolatile(expression: Node | undefined, catalog: Catalog): boolean {
  return functionsIn(expression).some(
    (name) => (catalog.volatility(name) ?? KNOWN[name] ?? 'volatile') === 'volatile',
  );
}

/** Names of the functions that are called anywhere in it. */
export function functionsIn(tree: unknown): readonly string[] {
  if (Array.isArray(tree)) return tree.flatMap(functionsIn);
  if (typeof tree !== 'object' || tree === null) return [];
  return Object.entries(tree).flatMap(([kind, inner]) =>
    kind === 'FuncCall'
      ? [stringsOf((inner as { funcname?: Node[] }).funcname).at(-1) ?? '', ...functionsIn(inner)]
      : functionsIn(inner),
  );
}

/** Where there is no live catalog to ask. */
const KNOWN: Readonly<Record<string, 'immutable' | 'stable' | 'volatile'>> = {
  ...Object.fromEntries(
    [
      'now',
      'statement_timestamp',
      'transaction_timestamp',
      'current_setting',
      'to_char',
      'current_schema',
      'txid_current',
    ].map((name) => [name, 'stable']),
  ),
  ...Object.fromEntries(
    'lower upper btrim ltrim rtrim length concat_ws md5 coalesce abs round floor ceil substr substring replace left right jsonb_build_object json_build_object jsonb_build_array array_fill make_interval make_date date_trunc int4range tstzrange to_tsvector'
      .split(' ')
      .map((name) => [name, 'immutable']),
  ),
};

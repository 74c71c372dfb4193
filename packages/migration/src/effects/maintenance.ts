import type { Node, RangeVar } from '@pgsql/types';
import type { Catalog } from '../catalog/catalog.ts';
import { objectName, relationName } from '../sql/names.ts';
import { type Effects, effects, lock, NO_EFFECTS, UNKNOWN } from './effect.ts';

/** VACUUM, REINDEX and COMMENT. */
export interface VacuumShape {
  readonly is_vacuumcmd?: boolean;
  readonly options?: Node[];
  readonly rels?: Node[];
}

export function vacuum({ is_vacuumcmd: isVacuum, options, rels }: VacuumShape): Effects {
  const names = (rels ?? []).flatMap((node) =>
    'VacuumRelation' in node ? [relationName(node.VacuumRelation.relation)] : [],
  );
  const full = isSaid(options, 'full');
  // One table after the other, whichever there are.
  if (full && names.length === 0) return UNKNOWN;
  if (full)
    return effects(
      names.map((name) => lock(name, 'ACCESS EXCLUSIVE', { rewrite: true })),
      { outside: true },
    );
  return effects(
    names.map((name) => lock(name, 'SHARE UPDATE EXCLUSIVE')),
    { outside: isVacuum === true },
  );
}

/** `(FULL)`, `(FULL true)`, and not `(FULL false)`. */
function isSaid(options: readonly Node[] | undefined, name: string): boolean {
  const option = (options ?? []).flatMap((node) =>
    'DefElem' in node && node.DefElem.defname === name ? [node.DefElem] : [],
  )[0];
  return (
    option !== undefined && !/false|off|"ival":0|\{"Integer":\{\}\}/.test(JSON.stringify(option.arg ?? ''))
  );
}

export interface ReindexShape {
  readonly kind?: string;
  readonly relation?: RangeVar;
  readonly params?: Node[];
}

export function reindex({ kind, relation, params }: ReindexShape, catalog: Catalog): Effects {
  if (kind !== 'REINDEX_OBJECT_TABLE' && kind !== 'REINDEX_OBJECT_INDEX') return UNKNOWN;
  const concurrent = isSaid(params, 'concurrently');
  const name = relationName(relation);
  const table = kind === 'REINDEX_OBJECT_INDEX' ? (catalog.indexTable(name) ?? name) : name;
  return effects([lock(table, concurrent ? 'SHARE UPDATE EXCLUSIVE' : 'SHARE', { scan: true })], {
    outside: concurrent || catalog.table(name)?.kind === 'partitioned',
  });
}

export function comment({ objtype, object }: { readonly objtype?: string; readonly object?: Node }): Effects {
  const name = objectName(object);
  if (objtype === 'OBJECT_COLUMN')
    return effects([lock(name.split('.').slice(0, -1).join('.'), 'SHARE UPDATE EXCLUSIVE', { alone: true })]);
  return objtype === 'OBJECT_TABLE' || objtype === 'OBJECT_VIEW' || objtype === 'OBJECT_MATVIEW'
    ? effects([lock(name, 'SHARE UPDATE EXCLUSIVE', { alone: true })])
    : NO_EFFECTS;
}

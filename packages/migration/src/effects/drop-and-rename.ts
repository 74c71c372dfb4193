import type { Node, RangeVar } from '@pgsql/types';
import type { Catalog } from '../catalog/catalog.ts';
import { objectName, relationName } from '../sql/names.ts';
import { type Effects, effects, type LockMode, lock, NO_EFFECTS, UNKNOWN } from './effect.ts';
import { referencedBy } from './partition-commands.ts';

/** What goes away or gets another name, and the tables at the other ends of its foreign keys. */
export interface DropShape {
  readonly removeType?: string;
  readonly objects?: Node[];
  readonly concurrent?: boolean;
  readonly behavior?: string;
}

const RELATIONS = new Set(['OBJECT_TABLE', 'OBJECT_VIEW', 'OBJECT_MATVIEW', 'OBJECT_FOREIGN_TABLE']);
const OF_A_TABLE = new Set(['OBJECT_TRIGGER', 'OBJECT_RULE', 'OBJECT_POLICY']);
const ELSEWHERE = new Set(['OBJECT_SCHEMA', 'OBJECT_TYPE', 'OBJECT_DOMAIN', 'OBJECT_STATISTIC_EXT']);

export function drop(statement: DropShape, catalog: Catalog): Effects {
  const given = dropNamed(statement, catalog);
  // Nobody looked what depends on it.
  return statement.behavior === 'DROP_CASCADE' ? { ...given, known: false } : given;
}

function dropNamed({ removeType = '', objects = [], concurrent }: DropShape, catalog: Catalog): Effects {
  const names = objects.map(objectName);
  if (RELATIONS.has(removeType))
    return effects(
      names
        .flatMap((name) => [name, ...linked(name, catalog)])
        .map((name) => lock(name, 'ACCESS EXCLUSIVE', { alone: !names.includes(name) })),
    );
  if (removeType === 'OBJECT_INDEX') {
    const mode: LockMode = concurrent ? 'SHARE UPDATE EXCLUSIVE' : 'ACCESS EXCLUSIVE';
    return effects(
      names.map((name) => lock(catalog.indexTable(name) ?? name, mode)),
      { outside: concurrent === true },
    );
  }
  if (OF_A_TABLE.has(removeType))
    return effects(
      names.map((name) =>
        lock(name.split('.').slice(0, -1).join('.'), 'ACCESS EXCLUSIVE', {
          alone: removeType !== 'OBJECT_TRIGGER',
        }),
      ),
    );
  return ELSEWHERE.has(removeType) ? UNKNOWN : NO_EFFECTS;
}

/** The tables at the other ends of its foreign keys; and of a partition, its parent and the default one. */
function linked(name: string, catalog: Catalog): readonly string[] {
  const facts = catalog.table(name);
  const parents = facts?.parents ?? [];
  const rest = parents.flatMap((parent) => catalog.table(parent)?.defaultPartition ?? []);
  const partitioned = parents.some((parent) => catalog.table(parent)?.kind === 'partitioned');
  return [
    ...referencedBy(facts),
    ...referencing(name, catalog),
    ...(partitioned ? [...parents, ...rest] : []),
  ];
}

function referencing(name: string, catalog: Catalog): readonly string[] {
  return catalog.referencing(name).map(({ table }) => table);
}

/** TRUNCATE CASCADE goes on and on. */
export function referencingAll(names: readonly string[], catalog: Catalog): readonly string[] {
  const all = new Set(names);
  for (const name of all) for (const other of referencing(name, catalog)) all.add(other);
  return [...all];
}

export interface RenameShape {
  readonly renameType?: string;
  readonly relationType?: string;
  readonly relation?: RangeVar;
}

export function rename({ renameType, relation }: RenameShape, catalog: Catalog): Effects {
  if (!relation) return NO_EFFECTS;
  const name = relationName(relation);
  // Under a lock of the index; the table is not touched.
  if (renameType === 'OBJECT_INDEX' || catalog.indexTable(name) !== null) return NO_EFFECTS;
  if (renameType === 'OBJECT_SEQUENCE') return NO_EFFECTS;
  const deep = renameType === 'OBJECT_COLUMN' || renameType === 'OBJECT_TABCONSTRAINT';
  return effects([lock(name, 'ACCESS EXCLUSIVE', { alone: !deep })]);
}

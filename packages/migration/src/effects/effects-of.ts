import type { Node, RangeVar } from '@pgsql/types';
import type { Catalog } from '../catalog/catalog.ts';
import { objectName, relationName } from '../sql/names.ts';
import type { Statement } from '../sql/statement.ts';
import { effectsOfAlterTable } from './alter-table.ts';
import { type Effect, type Effects, effects, type LockMode, lock, NO_EFFECTS, UNKNOWN } from './effect.ts';

/** What one statement does, by its kind. What is not in here is unknown, and that is said. */
export function effectsOf({ node }: Pick<Statement, 'node'>, catalog: Catalog): Effects {
  const kind = Object.keys(node)[0] ?? '';
  const own = BY_KIND[kind];
  if (own) return own((node as unknown as Record<string, never>)[kind] as never, catalog);
  return HARMLESS.has(kind) ? NO_EFFECTS : UNKNOWN;
}

/** They touch no table that somebody uses. */
const HARMLESS = new Set([
  'CreateSchemaStmt',
  'CreateSeqStmt',
  'AlterSeqStmt',
  'CreateEnumStmt',
  'AlterEnumStmt',
  'CompositeTypeStmt',
  'CreateRangeStmt',
  'CreateDomainStmt',
  'CreateFunctionStmt',
  'AlterFunctionStmt',
  'CreateExtensionStmt',
  'AlterExtensionStmt',
  'CreateRoleStmt',
  'AlterRoleStmt',
  'AlterRoleSetStmt',
  'GrantRoleStmt',
  'GrantStmt',
  'AlterDefaultPrivilegesStmt',
  'VariableSetStmt',
  'VariableShowStmt',
  'TransactionStmt',
  'DefineStmt',
  'CreateCastStmt',
  'CreatePublicationStmt',
  'CreateForeignServerStmt',
  'CreateFdwStmt',
  'NotifyStmt',
]);

type Shape = Record<string, unknown> & { readonly relation?: RangeVar };
type EffectsOfKind = (statement: never, catalog: Catalog) => Effects;

const one = (mode: LockMode, does: Partial<Pick<Effect, 'rewrite' | 'scan'>> = {}): EffectsOfKind =>
  ((statement: Shape) => effects([lock(relationName(statement.relation), mode, does)])) as EffectsOfKind;

const BY_KIND: Readonly<Record<string, EffectsOfKind>> = {
  AlterTableStmt: effectsOfAlterTable as EffectsOfKind,
  CreateStmt: ((statement: CreateShape, catalog: Catalog) =>
    createTable(statement, catalog)) as EffectsOfKind,
  CreateTableAsStmt: ((statement: { query?: Node }) =>
    effects(
      tablesIn(statement.query).map((name) => lock(name, 'ACCESS SHARE', { scan: true })),
    )) as EffectsOfKind,
  ViewStmt: ((statement: { query?: Node }) =>
    effects(tablesIn(statement.query).map((name) => lock(name, 'ACCESS SHARE')))) as EffectsOfKind,
  IndexStmt: ((statement: Shape & { concurrent?: boolean }) =>
    effects(
      [
        lock(relationName(statement.relation), statement.concurrent ? 'SHARE UPDATE EXCLUSIVE' : 'SHARE', {
          scan: true,
        }),
      ],
      {
        outside: statement.concurrent === true,
      },
    )) as EffectsOfKind,
  DropStmt: ((statement: DropShape, catalog: Catalog) => drop(statement, catalog)) as EffectsOfKind,
  RenameStmt: ((statement: RenameShape, catalog: Catalog) => rename(statement, catalog)) as EffectsOfKind,
  AlterObjectSchemaStmt: one('ACCESS EXCLUSIVE'),
  TruncateStmt: ((statement: { relations?: Node[]; behavior?: string }, catalog: Catalog) =>
    effects(
      rangesIn(statement.relations)
        .flatMap((name) => [
          name,
          ...(statement.behavior === 'DROP_CASCADE' ? referencing(name, catalog) : []),
        ])
        .map((name) => lock(name, 'ACCESS EXCLUSIVE')),
    )) as EffectsOfKind,
  ClusterStmt: one('ACCESS EXCLUSIVE', { rewrite: true }),
  VacuumStmt: ((statement: VacuumShape) => vacuum(statement)) as EffectsOfKind,
  ReindexStmt: ((statement: ReindexShape, catalog: Catalog) => reindex(statement, catalog)) as EffectsOfKind,
  CreateTrigStmt: one('SHARE ROW EXCLUSIVE'),
  RuleStmt: one('ACCESS EXCLUSIVE'),
  CreatePolicyStmt: ((statement: { table?: RangeVar }) =>
    effects([lock(relationName(statement.table), 'ACCESS EXCLUSIVE')])) as EffectsOfKind,
  AlterPolicyStmt: ((statement: { table?: RangeVar }) =>
    effects([lock(relationName(statement.table), 'ACCESS EXCLUSIVE')])) as EffectsOfKind,
  RefreshMatViewStmt: ((statement: Shape & { concurrent?: boolean }) =>
    effects([
      lock(relationName(statement.relation), statement.concurrent ? 'EXCLUSIVE' : 'ACCESS EXCLUSIVE', {
        rewrite: !statement.concurrent,
        scan: statement.concurrent === true,
      }),
    ])) as EffectsOfKind,
  CreateStatsStmt: ((statement: { relations?: Node[] }) =>
    effects(
      rangesIn(statement.relations).map((name) => lock(name, 'SHARE UPDATE EXCLUSIVE')),
    )) as EffectsOfKind,
  CommentStmt: ((statement: { objtype?: string; object?: Node }) => comment(statement)) as EffectsOfKind,
  LockStmt: ((statement: { relations?: Node[]; mode?: number }) =>
    effects(
      rangesIn(statement.relations).map((name) =>
        lock(name, LOCK_NUMBERS[statement.mode ?? 8] ?? 'ACCESS EXCLUSIVE'),
      ),
    )) as EffectsOfKind,
  InsertStmt: one('ROW EXCLUSIVE'),
  CopyStmt: ((statement: Shape & { is_from?: boolean }) =>
    effects([
      lock(relationName(statement.relation), statement.is_from ? 'ROW EXCLUSIVE' : 'ACCESS SHARE'),
    ])) as EffectsOfKind,
  UpdateStmt: ((statement: ChangeShape) => change(statement, statement.fromClause)) as EffectsOfKind,
  DeleteStmt: ((statement: ChangeShape) => change(statement, statement.usingClause)) as EffectsOfKind,
  MergeStmt: ((statement: ChangeShape) => change(statement, [])) as EffectsOfKind,
  SelectStmt: ((statement: { fromClause?: Node[]; lockingClause?: Node[] }) =>
    effects(
      rangesIn(statement.fromClause).map((name) =>
        lock(name, (statement.lockingClause ?? []).length > 0 ? 'ROW SHARE' : 'ACCESS SHARE'),
      ),
    )) as EffectsOfKind,
};

const LOCK_NUMBERS: Readonly<Record<number, LockMode>> = {
  1: 'ACCESS SHARE',
  2: 'ROW SHARE',
  3: 'ROW EXCLUSIVE',
  4: 'SHARE UPDATE EXCLUSIVE',
  5: 'SHARE',
  6: 'SHARE ROW EXCLUSIVE',
  7: 'EXCLUSIVE',
  8: 'ACCESS EXCLUSIVE',
};

interface ChangeShape {
  readonly relation?: RangeVar;
  readonly whereClause?: Node;
  readonly fromClause?: Node[];
  readonly usingClause?: Node[];
}

function change(statement: ChangeShape, others: Node[] | undefined): Effects {
  return effects([
    lock(relationName(statement.relation), 'ROW EXCLUSIVE'),
    ...rangesIn(others).map((name) => lock(name, 'ACCESS SHARE')),
  ]);
}

export function rangesIn(nodes: readonly Node[] | undefined): readonly string[] {
  return (nodes ?? []).flatMap((node) =>
    'RangeVar' in node
      ? [relationName(node.RangeVar)]
      : 'JoinExpr' in node
        ? rangesIn([node.JoinExpr.larg, node.JoinExpr.rarg].filter((side) => side !== undefined))
        : [],
  );
}

/** Every table that a query reads, wherever in it. */
export function tablesIn(tree: unknown): readonly string[] {
  if (Array.isArray(tree)) return tree.flatMap(tablesIn);
  if (typeof tree !== 'object' || tree === null) return [];
  return Object.entries(tree).flatMap(([kind, inner]) =>
    kind === 'RangeVar' ? [relationName(inner as RangeVar)] : tablesIn(inner),
  );
}

interface CreateShape {
  readonly relation?: RangeVar;
  readonly tableElts?: Node[];
  readonly inhRelations?: Node[];
  readonly partbound?: unknown;
}

/** A new table is nobody's yet; but its parents and what it refers to are somebody's. */
function createTable({ tableElts, inhRelations, partbound }: CreateShape, catalog: Catalog): Effects {
  const constraints = (tableElts ?? []).flatMap((node) =>
    'Constraint' in node
      ? [node.Constraint]
      : 'ColumnDef' in node
        ? (node.ColumnDef.constraints ?? []).flatMap((inner) =>
            'Constraint' in inner ? [inner.Constraint] : [],
          )
        : [],
  );
  const referenced = constraints.flatMap(({ contype, pktable }) =>
    contype === 'CONSTR_FOREIGN' ? [relationName(pktable)] : [],
  );
  const parents = rangesIn(inhRelations);
  const rest = parents.flatMap((parent) => catalog.table(parent)?.defaultPartition ?? []);
  return effects([
    ...referenced.map((name) => lock(name, 'SHARE ROW EXCLUSIVE')),
    ...parents.map((name) => lock(name, partbound ? 'ACCESS EXCLUSIVE' : 'SHARE UPDATE EXCLUSIVE')),
    ...(partbound ? rest.map((name) => lock(name, 'ACCESS EXCLUSIVE', { scan: true })) : []),
  ]);
}

interface DropShape {
  readonly removeType?: string;
  readonly objects?: Node[];
  readonly concurrent?: boolean;
}

const RELATIONS = new Set(['OBJECT_TABLE', 'OBJECT_VIEW', 'OBJECT_MATVIEW', 'OBJECT_FOREIGN_TABLE']);
const OF_A_TABLE = new Set(['OBJECT_TRIGGER', 'OBJECT_RULE', 'OBJECT_POLICY']);

function drop({ removeType = '', objects = [], concurrent }: DropShape, catalog: Catalog): Effects {
  const names = objects.map(objectName);
  if (RELATIONS.has(removeType))
    return effects(
      names.flatMap((name) => [name, ...linked(name, catalog)]).map((name) => lock(name, 'ACCESS EXCLUSIVE')),
    );
  if (removeType === 'OBJECT_INDEX') {
    const mode: LockMode = concurrent ? 'SHARE UPDATE EXCLUSIVE' : 'ACCESS EXCLUSIVE';
    return effects(
      names.map((name) => lock(catalog.indexTable(name) ?? name, mode)),
      { outside: concurrent === true },
    );
  }
  if (OF_A_TABLE.has(removeType))
    return effects(names.map((name) => lock(name.split('.').slice(0, -1).join('.'), 'ACCESS EXCLUSIVE')));
  if (removeType === 'OBJECT_SCHEMA' || removeType === 'OBJECT_TYPE' || removeType === 'OBJECT_DOMAIN')
    return UNKNOWN;
  return NO_EFFECTS;
}

/** The tables at the other ends of its foreign keys: theirs are dropped as triggers. */
function linked(name: string, catalog: Catalog): readonly string[] {
  return (catalog.table(name)?.constraints ?? []).flatMap(({ references }) =>
    references ? [references] : [],
  );
}

function referencing(name: string, catalog: Catalog): readonly string[] {
  return catalog.referencing(name).map(({ table }) => table);
}

interface RenameShape {
  readonly renameType?: string;
  readonly relationType?: string;
  readonly relation?: RangeVar;
}

function rename({ renameType, relation }: RenameShape, catalog: Catalog): Effects {
  if (!relation) return NO_EFFECTS;
  const name = relationName(relation);
  if (renameType === 'OBJECT_INDEX') return effects([lock(catalog.indexTable(name) ?? name, 'ACCESS SHARE')]);
  return effects([lock(name, 'ACCESS EXCLUSIVE')]);
}

interface VacuumShape {
  readonly is_vacuumcmd?: boolean;
  readonly options?: Node[];
  readonly rels?: Node[];
}

function vacuum({ is_vacuumcmd: isVacuum, options, rels }: VacuumShape): Effects {
  const names = (rels ?? []).flatMap((node) =>
    'VacuumRelation' in node ? [relationName(node.VacuumRelation.relation)] : [],
  );
  const full = (options ?? []).some((node) => 'DefElem' in node && node.DefElem.defname === 'full');
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

interface ReindexShape {
  readonly kind?: string;
  readonly relation?: RangeVar;
  readonly params?: Node[];
}

function reindex({ kind, relation, params }: ReindexShape, catalog: Catalog): Effects {
  if (kind !== 'REINDEX_OBJECT_TABLE' && kind !== 'REINDEX_OBJECT_INDEX') return UNKNOWN;
  const concurrent = (params ?? []).some(
    (node) => 'DefElem' in node && node.DefElem.defname === 'concurrently',
  );
  const name = relationName(relation);
  const table = kind === 'REINDEX_OBJECT_INDEX' ? (catalog.indexTable(name) ?? name) : name;
  return effects([lock(table, concurrent ? 'SHARE UPDATE EXCLUSIVE' : 'SHARE', { scan: true })], {
    outside: concurrent,
  });
}

function comment({ objtype, object }: { readonly objtype?: string; readonly object?: Node }): Effects {
  const name = objectName(object);
  if (objtype === 'OBJECT_COLUMN')
    return effects([lock(name.split('.').slice(0, -1).join('.'), 'SHARE UPDATE EXCLUSIVE')]);
  return objtype === 'OBJECT_TABLE' || objtype === 'OBJECT_VIEW'
    ? effects([lock(name, 'SHARE UPDATE EXCLUSIVE')])
    : NO_EFFECTS;
}

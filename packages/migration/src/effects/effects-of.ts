import type { Node, RangeVar } from '@pgsql/types';
import type { Catalog } from '../catalog/catalog.ts';
import { objectName, relationName } from '../sql/names.ts';
import type { Statement } from '../sql/statement.ts';
import { effectsOfAlterTable } from './alter-table.ts';
import {
  type Effect,
  type Effects,
  effects,
  type LockMode,
  lock,
  NO_EFFECTS,
  UNKNOWN,
  withPartitions,
} from './effect.ts';
import { referencedBy } from './partition-commands.ts';

/** What one statement does, by its kind. What is not in here is unknown, and that is said. */
export function effectsOf({ node }: Pick<Statement, 'node'>, catalog: Catalog): Effects {
  const kind = Object.keys(node)[0] ?? '';
  const own = BY_KIND[kind];
  if (own) {
    const statement = (node as unknown as Record<string, never>)[kind] as never;
    const given = own(statement, catalog);
    return isOnly(statement) ? given : withPartitions(given, (name) => catalog.table(name)?.partitions ?? []);
  }
  return HARMLESS.has(kind) ? NO_EFFECTS : UNKNOWN;
}

/** ONLY: the table without its partitions. */
function isOnly({ relation }: { readonly relation?: RangeVar }): boolean {
  return relation !== undefined && relation.inh !== true;
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
  'CreateForeignServerStmt',
  'CreateFdwStmt',
  'NotifyStmt',
]);

type Shape = Record<string, unknown> & { readonly relation?: RangeVar };
type EffectsOfKind = (statement: never, catalog: Catalog) => Effects;

const one = (mode: LockMode, does: Partial<Pick<Effect, 'rewrite' | 'scan' | 'alone'>> = {}): EffectsOfKind =>
  ((statement: Shape) => effects([lock(relationName(statement.relation), mode, does)])) as EffectsOfKind;

const BY_KIND: Readonly<Record<string, EffectsOfKind>> = {
  AlterTableStmt: effectsOfAlterTable as EffectsOfKind,
  CreateStmt: ((statement: CreateShape, catalog: Catalog) =>
    createTable(statement, catalog)) as EffectsOfKind,
  CreateTableAsStmt: ((statement: { query?: Node }) =>
    effects(
      tablesIn(statement.query).map((name) => lock(name, 'ACCESS SHARE', { scan: true })),
    )) as EffectsOfKind,
  ViewStmt: ((statement: { query?: Node; view?: RangeVar; replace?: boolean }) =>
    effects([
      ...tablesIn(statement.query).map((name) => lock(name, 'ACCESS SHARE')),
      ...(statement.replace ? [lock(relationName(statement.view), 'ACCESS EXCLUSIVE')] : []),
    ])) as EffectsOfKind,
  CreatePublicationStmt: ((statement: { pubobjects?: Node[]; for_all_tables?: boolean }) =>
    effects(
      publishedIn(statement.pubobjects).map((name) => lock(name, 'SHARE UPDATE EXCLUSIVE', { alone: true })),
    )) as EffectsOfKind,
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
  AlterObjectSchemaStmt: one('ACCESS EXCLUSIVE', { alone: true }),
  TruncateStmt: ((statement: { relations?: Node[]; behavior?: string }, catalog: Catalog) =>
    effects(
      (statement.behavior === 'DROP_CASCADE'
        ? referencingAll(rangesIn(statement.relations), catalog)
        : rangesIn(statement.relations)
      ).map((name) => lock(name, 'ACCESS EXCLUSIVE')),
    )) as EffectsOfKind,
  ClusterStmt: ((statement: Shape) =>
    effects([lock(relationName(statement.relation), 'ACCESS EXCLUSIVE', { rewrite: true })], {
      outside: statement.relation === undefined,
    })) as EffectsOfKind,
  VacuumStmt: ((statement: VacuumShape) => vacuum(statement)) as EffectsOfKind,
  ReindexStmt: ((statement: ReindexShape, catalog: Catalog) => reindex(statement, catalog)) as EffectsOfKind,
  CreateTrigStmt: one('SHARE ROW EXCLUSIVE'),
  RuleStmt: one('ACCESS EXCLUSIVE', { alone: true }),
  CreatePolicyStmt: ((statement: { table?: RangeVar }) =>
    effects([lock(relationName(statement.table), 'ACCESS EXCLUSIVE', { alone: true })])) as EffectsOfKind,
  AlterPolicyStmt: ((statement: { table?: RangeVar }) =>
    effects([lock(relationName(statement.table), 'ACCESS EXCLUSIVE', { alone: true })])) as EffectsOfKind,
  RefreshMatViewStmt: ((statement: Shape & { concurrent?: boolean }) =>
    effects([
      lock(relationName(statement.relation), statement.concurrent ? 'EXCLUSIVE' : 'ACCESS EXCLUSIVE', {
        rewrite: !statement.concurrent,
        scan: statement.concurrent === true,
      }),
    ])) as EffectsOfKind,
  CreateStatsStmt: ((statement: { relations?: Node[] }) =>
    effects(
      rangesIn(statement.relations).map((name) => lock(name, 'SHARE UPDATE EXCLUSIVE', { alone: true })),
    )) as EffectsOfKind,
  CommentStmt: ((statement: { objtype?: string; object?: Node }) => comment(statement)) as EffectsOfKind,
  LockStmt: ((statement: { relations?: Node[]; mode?: number }, catalog: Catalog) =>
    lockTables(
      catalog,
      (statement.relations ?? []).flatMap((node) => {
        if (!('RangeVar' in node)) return [];
        const mode = LOCK_NUMBERS[statement.mode ?? 8] ?? 'ACCESS EXCLUSIVE';
        return [lock(relationName(node.RangeVar), mode, { alone: node.RangeVar.inh !== true })];
      }),
    )) as EffectsOfKind,
  InsertStmt: one('ROW EXCLUSIVE', { alone: true }),
  CopyStmt: ((statement: Shape & { is_from?: boolean }) =>
    effects([
      lock(relationName(statement.relation), statement.is_from ? 'ROW EXCLUSIVE' : 'ACCESS SHARE', {
        alone: true,
      }),
    ])) as EffectsOfKind,
  UpdateStmt: ((statement: ChangeShape) => change(statement, statement.fromClause)) as EffectsOfKind,
  DeleteStmt: ((statement: ChangeShape) => change(statement, statement.usingClause)) as EffectsOfKind,
  MergeStmt: ((statement: ChangeShape) => change(statement, [])) as EffectsOfKind,
  SelectStmt: ((statement: QueryShape) => query(statement)) as EffectsOfKind,
};

interface QueryShape {
  readonly fromClause?: Node[];
  readonly lockingClause?: Node[];
  readonly withClause?: { readonly ctes?: Node[] };
}

/** FOR UPDATE locks rows of what it names, or of everything that is read. */
function query({ fromClause, lockingClause, withClause }: QueryShape): Effects {
  const locking = (lockingClause ?? []).flatMap((node) =>
    'LockingClause' in node ? [node.LockingClause] : [],
  );
  const named = locking.flatMap(({ lockedRels }) => rangesIn(lockedRels));
  const isLocked = (name: string) => locking.length > 0 && (named.length === 0 || named.includes(name));
  return effects(
    rangesIn(fromClause)
      .filter((name) => !temporaryIn(withClause).includes(name))
      .map((name) => lock(name, isLocked(name) ? 'ROW SHARE' : 'ACCESS SHARE', { alone: true })),
  );
}

/** The names that WITH gives: no tables. */
function temporaryIn(withClause: QueryShape['withClause']): readonly string[] {
  return (withClause?.ctes ?? []).flatMap((node) =>
    'CommonTableExpr' in node ? [node.CommonTableExpr.ctename ?? ''] : [],
  );
}

/** A view passes its lock on to what it reads. */
function lockTables(catalog: Catalog, on: readonly Effect[]): Effects {
  const given = effects(on);
  return { ...given, known: !on.some(({ relation }) => catalog.table(relation)?.kind === 'view') };
}

function publishedIn(objects: readonly Node[] | undefined): readonly string[] {
  return (objects ?? []).flatMap((node) =>
    'PublicationObjSpec' in node ? [relationName(node.PublicationObjSpec.pubtable?.relation)] : [],
  );
}

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
  readonly withClause?: QueryShape['withClause'];
}

function change(statement: ChangeShape, others: Node[] | undefined): Effects {
  return effects([
    lock(relationName(statement.relation), 'ROW EXCLUSIVE', { alone: true }),
    ...rangesIn(others)
      .filter((name) => !temporaryIn(statement.withClause).includes(name))
      .map((name) => lock(name, 'ACCESS SHARE', { alone: true })),
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
  const temporary = new Set(temporaryNames(tree));
  return namesIn(tree).filter((name) => !temporary.has(name));
}

function namesIn(tree: unknown): readonly string[] {
  if (Array.isArray(tree)) return tree.flatMap(namesIn);
  if (typeof tree !== 'object' || tree === null) return [];
  return Object.entries(tree).flatMap(([kind, inner]) =>
    kind === 'RangeVar' ? [relationName(inner as RangeVar)] : namesIn(inner),
  );
}

function temporaryNames(tree: unknown): readonly string[] {
  if (Array.isArray(tree)) return tree.flatMap(temporaryNames);
  if (typeof tree !== 'object' || tree === null) return [];
  return Object.entries(tree).flatMap(([kind, inner]) =>
    kind === 'ctename' ? [String(inner)] : temporaryNames(inner),
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
    ...parents.map((name) =>
      lock(name, partbound ? 'ACCESS EXCLUSIVE' : 'SHARE UPDATE EXCLUSIVE', { alone: true }),
    ),
    ...(partbound ? rest.map((name) => lock(name, 'ACCESS EXCLUSIVE', { scan: true })) : []),
  ]);
}

interface DropShape {
  readonly removeType?: string;
  readonly objects?: Node[];
  readonly concurrent?: boolean;
  readonly behavior?: string;
}

const RELATIONS = new Set(['OBJECT_TABLE', 'OBJECT_VIEW', 'OBJECT_MATVIEW', 'OBJECT_FOREIGN_TABLE']);
const OF_A_TABLE = new Set(['OBJECT_TRIGGER', 'OBJECT_RULE', 'OBJECT_POLICY']);
const ELSEWHERE = new Set(['OBJECT_SCHEMA', 'OBJECT_TYPE', 'OBJECT_DOMAIN', 'OBJECT_STATISTIC_EXT']);

function drop(statement: DropShape, catalog: Catalog): Effects {
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
function referencingAll(names: readonly string[], catalog: Catalog): readonly string[] {
  const all = new Set(names);
  for (const name of all) for (const other of referencing(name, catalog)) all.add(other);
  return [...all];
}

interface RenameShape {
  readonly renameType?: string;
  readonly relationType?: string;
  readonly relation?: RangeVar;
}

function rename({ renameType, relation }: RenameShape, catalog: Catalog): Effects {
  if (!relation) return NO_EFFECTS;
  const name = relationName(relation);
  // Under a lock of the index; the table is not touched.
  if (renameType === 'OBJECT_INDEX' || catalog.indexTable(name) !== null) return NO_EFFECTS;
  if (renameType === 'OBJECT_SEQUENCE') return NO_EFFECTS;
  const deep = renameType === 'OBJECT_COLUMN' || renameType === 'OBJECT_TABCONSTRAINT';
  return effects([lock(name, 'ACCESS EXCLUSIVE', { alone: !deep })]);
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
  const full = isSaid(options, 'full');
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

interface ReindexShape {
  readonly kind?: string;
  readonly relation?: RangeVar;
  readonly params?: Node[];
}

function reindex({ kind, relation, params }: ReindexShape, catalog: Catalog): Effects {
  if (kind !== 'REINDEX_OBJECT_TABLE' && kind !== 'REINDEX_OBJECT_INDEX') return UNKNOWN;
  const concurrent = isSaid(params, 'concurrently');
  const name = relationName(relation);
  const table = kind === 'REINDEX_OBJECT_INDEX' ? (catalog.indexTable(name) ?? name) : name;
  return effects([lock(table, concurrent ? 'SHARE UPDATE EXCLUSIVE' : 'SHARE', { scan: true })], {
    outside: concurrent || catalog.table(name)?.kind === 'partitioned',
  });
}

function comment({ objtype, object }: { readonly objtype?: string; readonly object?: Node }): Effects {
  const name = objectName(object);
  if (objtype === 'OBJECT_COLUMN')
    return effects([lock(name.split('.').slice(0, -1).join('.'), 'SHARE UPDATE EXCLUSIVE', { alone: true })]);
  return objtype === 'OBJECT_TABLE' || objtype === 'OBJECT_VIEW' || objtype === 'OBJECT_MATVIEW'
    ? effects([lock(name, 'SHARE UPDATE EXCLUSIVE', { alone: true })])
    : NO_EFFECTS;
}

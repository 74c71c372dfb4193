import type { Node, RangeVar } from '@pgsql/types';
import type { Catalog } from '../catalog/catalog.ts';
import { relationName } from '../sql/names.ts';
import type { Statement } from '../sql/statement.ts';
import { effectsOfAlterTable } from './alter-table.ts';
import { type DropShape, drop, type RenameShape, referencingAll, rename } from './drop-and-rename.ts';
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
import { comment, type ReindexShape, reindex, type VacuumShape, vacuum } from './maintenance.ts';
import { type ChangeShape, change, type QueryShape, query, rangesIn, tablesIn } from './queries.ts';

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
    statement.relation === undefined
      ? UNKNOWN
      : effects([
          lock(relationName(statement.relation), 'ACCESS EXCLUSIVE', { rewrite: true }),
        ])) as EffectsOfKind,
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

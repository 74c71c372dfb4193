import type { AlterTableCmd, AlterTableStmt, ColumnDef, Constraint, Node } from '@pgsql/types';
import { type Catalog, columnOf, type TableFacts } from '../catalog/catalog.ts';
import { relationName, stringsOf } from '../sql/names.ts';
import { columnConstraints, columnDefinition, constraintDefinition } from './column-definition.ts';
import { below, type Effect, type Effects, effects, type LockMode, lock, UNKNOWN } from './effect.ts';
import { attach, detach, partitionOf } from './partition-commands.ts';
import { isProvedNotNull } from './proofs.ts';
import { typeChange } from './type-change-effects.ts';
import { isVolatile } from './volatility.ts';

/** ALTER TABLE: each subcommand has its own lock (AlterTableGetLockLevel of tablecmds.c). */
export interface Altering {
  readonly table: string;
  readonly facts: TableFacts | null;
  readonly catalog: Catalog;
  readonly command: AlterTableCmd;
  /** Another part of the statement writes the table anew. */
  readonly rewritten: boolean;
}

export function effectsOfAlterTable(statement: AlterTableStmt, catalog: Catalog): Effects {
  const table = relationName(statement.relation);
  if (statement.objtype === 'OBJECT_INDEX') return effectsOnIndex(statement, catalog);
  const commands = altered(statement);
  const cascades = commands.some(({ behavior }) => behavior === 'DROP_CASCADE');
  if (statement.objtype === 'OBJECT_SEQUENCE') return effects([]);
  if (statement.objtype === 'OBJECT_TYPE') return cascades ? UNKNOWN : effects([]);
  const effectsWith = (rewritten: boolean) =>
    commands.map((command) =>
      effectsOfCommand({ table, facts: catalog.table(table), catalog, command, rewritten }),
    );
  // A table that is written anew has the foreign keys of retyped columns checked again, whatever their types.
  const first = effectsWith(false);
  const parts = first.some((part) => part?.some(({ rewrite }) => rewrite)) ? effectsWith(true) : first;
  if (parts.includes(null)) return UNKNOWN;
  const outside = commands.some(
    ({ subtype, def }) => subtype === 'AT_DetachPartition' && partitionOf(def)?.concurrent === true,
  );
  const given = effects(
    parts.flatMap((part) => part ?? []),
    { outside },
  );
  // Nobody looked what depends on a column that goes away with CASCADE.
  return cascades ? { ...given, known: false } : given;
}

export function altered({ cmds }: AlterTableStmt): readonly AlterTableCmd[] {
  return (cmds ?? []).flatMap((node) => ('AlterTableCmd' in node ? [node.AlterTableCmd] : []));
}

function effectsOnIndex(statement: AlterTableStmt, catalog: Catalog): Effects {
  const index = relationName(statement.relation);
  const subtypes = altered(statement).map(({ subtype }) => subtype);
  // It is copied while nobody who reads the table may look at it; the table itself is not locked.
  if (subtypes.includes('AT_SetTableSpace')) return { ...effects([]), known: false };
  const attaches = subtypes.includes('AT_AttachPartition');
  // The table itself is only looked at; what reads it by this index waits.
  return attaches
    ? effects([lock(catalog.indexTable(index) ?? index, 'ACCESS SHARE', { alone: true })])
    : effects([]);
}

const SHARE_UPDATE: LockMode = 'SHARE UPDATE EXCLUSIVE';

/** Those whose lock is all that there is to say. */
const BRIEF: Readonly<Record<string, LockMode>> = {
  AT_DropNotNull: 'ACCESS EXCLUSIVE',
  AT_ColumnDefault: 'ACCESS EXCLUSIVE',
  AT_DropColumn: 'ACCESS EXCLUSIVE',
  AT_SetStorage: 'ACCESS EXCLUSIVE',
  AT_SetCompression: 'ACCESS EXCLUSIVE',
  AT_ChangeOwner: 'ACCESS EXCLUSIVE',
  AT_ReplicaIdentity: 'ACCESS EXCLUSIVE',
  AT_EnableRowSecurity: 'ACCESS EXCLUSIVE',
  AT_DisableRowSecurity: 'ACCESS EXCLUSIVE',
  AT_ForceRowSecurity: 'ACCESS EXCLUSIVE',
  AT_NoForceRowSecurity: 'ACCESS EXCLUSIVE',
  AT_DropIdentity: 'ACCESS EXCLUSIVE',
  AT_SetIdentity: 'ACCESS EXCLUSIVE',
  AT_AddIdentity: 'ACCESS EXCLUSIVE',
  AT_DropInherit: 'ACCESS EXCLUSIVE',
  AT_DropExpression: 'ACCESS EXCLUSIVE',
  AT_EnableRule: 'ACCESS EXCLUSIVE',
  AT_DisableRule: 'ACCESS EXCLUSIVE',
  AT_EnableTrig: 'SHARE ROW EXCLUSIVE',
  AT_EnableAlwaysTrig: 'SHARE ROW EXCLUSIVE',
  AT_EnableReplicaTrig: 'SHARE ROW EXCLUSIVE',
  AT_DisableTrig: 'SHARE ROW EXCLUSIVE',
  AT_EnableTrigAll: 'SHARE ROW EXCLUSIVE',
  AT_DisableTrigAll: 'SHARE ROW EXCLUSIVE',
  AT_EnableTrigUser: 'SHARE ROW EXCLUSIVE',
  AT_DisableTrigUser: 'SHARE ROW EXCLUSIVE',
  AT_SetStatistics: SHARE_UPDATE,
  AT_SetOptions: SHARE_UPDATE,
  AT_ResetOptions: SHARE_UPDATE,
  AT_ClusterOn: SHARE_UPDATE,
  AT_DropCluster: SHARE_UPDATE,
};

/** Of a partitioned table, these are of the table itself. */
const ALONE = new Set([
  'AT_ChangeOwner',
  'AT_ReplicaIdentity',
  'AT_EnableRowSecurity',
  'AT_DisableRowSecurity',
  'AT_ForceRowSecurity',
  'AT_NoForceRowSecurity',
  'AT_EnableTrigAll',
  'AT_DisableTrigAll',
  'AT_EnableTrigUser',
  'AT_DisableTrigUser',
  'AT_ClusterOn',
  'AT_DropCluster',
  'AT_DropInherit',
  'AT_EnableRule',
  'AT_DisableRule',
  'AT_SetOptions',
  'AT_ResetOptions',
  'AT_SetCompression',
]);

/** With a column or a constraint goes its foreign key, and that is a lock on the table at its other end. */
function otherEnds({ facts, command }: Altering): readonly Effect[] {
  if (command.subtype !== 'AT_DropColumn') return [];
  return (facts?.constraints ?? [])
    .filter(({ columns }) => columns.includes(command.name ?? ''))
    .flatMap(({ references }) => (references ? [lock(references, 'ACCESS EXCLUSIVE')] : []));
}

function effectsOfCommand(altering: Altering): readonly Effect[] | null {
  const { table, command, catalog } = altering;
  const brief = BRIEF[command.subtype ?? ''];
  if (brief) return [lock(table, brief, { alone: ALONE.has(command.subtype ?? '') }), ...otherEnds(altering)];
  switch (command.subtype) {
    case 'AT_AddColumn':
      return addColumn(altering);
    case 'AT_AlterColumnType':
      return typeChange(altering);
    case 'AT_AlterConstraint':
      return alterConstraint(altering);
    case 'AT_SetNotNull':
      return [lock(table, 'ACCESS EXCLUSIVE', { scan: !isProvedNotNull(altering.facts, command.name) })];
    case 'AT_SetExpression':
      return [lock(table, 'ACCESS EXCLUSIVE', { rewrite: !isVirtual(altering) })];
    case 'AT_SetLogged':
    case 'AT_SetUnLogged':
    case 'AT_SetTableSpace':
    case 'AT_SetAccessMethod':
      return [lock(table, 'ACCESS EXCLUSIVE', { rewrite: true })];
    case 'AT_AddConstraint':
      return addConstraint(altering, constraintDefinition(command));
    case 'AT_ValidateConstraint':
      return validate(altering);
    case 'AT_DropConstraint':
      return dropConstraint(altering);
    case 'AT_SetRelOptions':
    case 'AT_ResetRelOptions':
    case 'AT_ReplaceRelOptions':
      return [lock(table, isBriefOption(altering) ? SHARE_UPDATE : 'ACCESS EXCLUSIVE', { alone: true })];
    case 'AT_AttachPartition':
      return attach(table, command, catalog);
    case 'AT_DetachPartition':
      return detach(table, command, catalog);
    case 'AT_DetachPartitionFinalize':
      return [
        lock(table, SHARE_UPDATE, { alone: true }),
        lock(relationName(partitionOf(command.def)?.name), 'ACCESS EXCLUSIVE'),
      ];
    case 'AT_AddInherit':
      return [lock(table, 'ACCESS EXCLUSIVE'), lock(inherited(command.def), SHARE_UPDATE)];
    default:
      return null;
  }
}

function addColumn({ table, command, catalog }: Altering): readonly Effect[] {
  const column = columnDefinition(command);
  const constraints = columnConstraints(column);
  const has = (kind: Constraint['contype']) => constraints.find(({ contype }) => contype === kind);
  const unique = has('CONSTR_UNIQUE') || has('CONSTR_PRIMARY');
  const rewrite = rewritesForNewColumn(column, catalog);
  const own = lock(table, 'ACCESS EXCLUSIVE', {
    rewrite,
    scan: !rewrite && (unique !== undefined || isEnforced(column, has('CONSTR_CHECK')) || isRequired(column)),
  });
  const foreign = has('CONSTR_FOREIGN');
  if (!foreign) return [own];
  // Rows that get a value by default are compared; rows that get none need not be.
  const compared = has('CONSTR_DEFAULT') !== undefined;
  return [
    { ...own, scan: own.scan || (compared && !rewrite) },
    lock(relationName(foreign.pktable), 'SHARE ROW EXCLUSIVE', { scan: compared }),
  ];
}

/** 18 has constraints that bind nobody; the grammar hangs NOT ENFORCED on as a constraint of its own. */
function isEnforced(column: ColumnDef | null, check: Constraint | undefined): boolean {
  const loose = columnConstraints(column).some(({ contype }) => contype === 'CONSTR_ATTR_NOT_ENFORCED');
  return check !== undefined && check.is_enforced !== false && !loose;
}

/** NOT NULL without anything to fill it: fails unless there are no rows. */
export function isRequired(column: ColumnDef | null): boolean {
  const kinds = columnConstraints(column).map(({ contype }) => contype);
  return kinds.includes('CONSTR_NOTNULL') && !kinds.includes('CONSTR_DEFAULT');
}

export function rewritesForNewColumn(column: ColumnDef | null, catalog: Catalog): boolean {
  const constraints = columnConstraints(column);
  const fallback = constraints.find(({ contype }) => contype === 'CONSTR_DEFAULT')?.raw_expr;
  const type = stringsOf(column?.typeName?.names).at(-1) ?? '';
  const stored = constraints.some(
    ({ contype, generated_kind: kind }) => contype === 'CONSTR_GENERATED' && kind !== 'v',
  );
  return (
    isSerial(type) ||
    stored ||
    constraints.some(({ contype }) => contype === 'CONSTR_IDENTITY') ||
    (fallback !== undefined && isVolatile(fallback, catalog)) ||
    (catalog.isConstrainedDomain(type) === true && (column?.typeName?.arrayBounds ?? []).length === 0)
  );
}

export function isSerial(type: string): boolean {
  return /^(?:small|big)?serial[248]?$/.test(type);
}

/** Which options may be set while others write (reloptions.c); of a view none may. */
function isBriefOption({ facts, command }: Altering): boolean {
  const options = command.def && 'List' in command.def ? (command.def.List.items ?? []) : [];
  const names = options.flatMap((node) => ('DefElem' in node ? [node.DefElem.defname ?? ''] : []));
  return facts?.kind !== 'view' && !names.includes('user_catalog_table');
}

function isVirtual({ facts, command }: Altering): boolean {
  return facts?.columns.some(({ name, virtual }) => name === command.name && virtual) === true;
}

/** Made to hold for the rows that are there (18: ENFORCED), it is validated. */
function alterConstraint({ table, facts, command }: Altering): readonly Effect[] {
  const altered = command.def && 'ATAlterConstraint' in command.def ? command.def.ATAlterConstraint : null;
  const constraint = facts?.constraints.find(({ name }) => name === altered?.conname);
  const scan = altered?.alterEnforceability === true && altered.is_enforced === true;
  const own = lock(table, 'ACCESS EXCLUSIVE', { scan });
  if (!constraint?.references) return [own];
  if (altered?.alterEnforceability !== true) return [own];
  return [own, lock(constraint.references, scan ? 'SHARE ROW EXCLUSIVE' : 'ACCESS EXCLUSIVE', { scan })];
}

function addConstraint(
  { table, facts, catalog, command }: Altering,
  constraint: Constraint | null,
): readonly Effect[] | null {
  const later = constraint?.skip_validation === true;
  switch (constraint?.contype) {
    case 'CONSTR_CHECK':
      return [lock(table, 'ACCESS EXCLUSIVE', { scan: !later && constraint.is_enforced !== false })];
    case 'CONSTR_NOTNULL':
      return [
        lock(table, 'ACCESS EXCLUSIVE', {
          scan: !later && !isProvedNotNull(facts, stringsOf(constraint.keys)[0]),
        }),
      ];
    case 'CONSTR_FOREIGN': {
      const scan = !later && constraint.is_enforced !== false;
      return [
        lock(table, 'SHARE ROW EXCLUSIVE', { scan }),
        lock(relationName(constraint.pktable), 'SHARE ROW EXCLUSIVE', { scan }),
      ];
    }
    case 'CONSTR_PRIMARY':
    case 'CONSTR_UNIQUE':
      if (constraint.indexname)
        return [lock(table, 'ACCESS EXCLUSIVE', { scan: needsNullScan(constraint, facts) })];
      return [
        lock(table, 'ACCESS EXCLUSIVE', { scan: true, alone: true }),
        ...below(table, (name) => catalog.table(name)?.partitions ?? []).map((name) =>
          lock(name, lockOfPartition(constraint, { facts, catalog }), { scan: true }),
        ),
      ];
    case 'CONSTR_EXCLUSION':
      return [lock(table, 'ACCESS EXCLUSIVE', { scan: true })];
    default:
      return command.def ? null : [];
  }
}

/** The indexes of partitions are built under their own locks (measured: SHARE up to 17); SET NOT NULL goes down to them. */
function lockOfPartition(
  constraint: Constraint,
  { facts, catalog }: Pick<Altering, 'facts' | 'catalog'>,
): LockMode {
  const setsNotNull =
    constraint.contype === 'CONSTR_PRIMARY' &&
    stringsOf(constraint.keys).some((column) => !columnOf(facts, column)?.notNull);
  return catalog.serverVersion < 18 && !setsNotNull ? 'SHARE' : 'ACCESS EXCLUSIVE';
}

/** A primary key makes its columns NOT NULL, and that is read where nothing proves it. */
function needsNullScan(constraint: Constraint, facts: TableFacts | null): boolean {
  if (constraint.contype !== 'CONSTR_PRIMARY') return false;
  const index = facts?.indexes.find(({ name }) => name === constraint.indexname);
  if (!index) return true;
  return index.columns.some((column) => !isProvedNotNull(facts, column));
}

function validate({ table, facts, command }: Altering): readonly Effect[] {
  const constraint = facts?.constraints.find(({ name }) => name === command.name);
  const own = lock(table, SHARE_UPDATE, { scan: constraint?.validated !== true });
  return constraint?.references && !constraint.validated
    ? [own, lock(constraint.references, 'ROW SHARE', { scan: true })]
    : [own];
}

function dropConstraint({ table, facts, command }: Altering): readonly Effect[] {
  const constraint = facts?.constraints.find(({ name }) => name === command.name);
  const own = lock(table, 'ACCESS EXCLUSIVE');
  return constraint?.references ? [own, lock(constraint.references, 'ACCESS EXCLUSIVE')] : [own];
}

function inherited(def: Node | undefined): string {
  return def && 'RangeVar' in def ? relationName(def.RangeVar) : '';
}

import type { AlterTableCmd, AlterTableStmt, ColumnDef, Constraint, Node } from '@pgsql/types';
import { type Catalog, columnOf, type TableFacts } from '../catalog/catalog.ts';
import { relationName, stringsOf, typeText } from '../sql/names.ts';
import { type Effect, type Effects, effects, type LockMode, lock, UNKNOWN } from './effect.ts';
import { isFreeTypeChange } from './type-change.ts';
import { isVolatile } from './volatility.ts';

/** ALTER TABLE: each subcommand has its own lock (AlterTableGetLockLevel of tablecmds.c). */
export interface Altering {
  readonly table: string;
  readonly facts: TableFacts | null;
  readonly catalog: Catalog;
  readonly command: AlterTableCmd;
}

export function effectsOfAlterTable(statement: AlterTableStmt, catalog: Catalog): Effects {
  const table = relationName(statement.relation);
  if (statement.objtype === 'OBJECT_INDEX') return effectsOnIndex(statement, catalog);
  if (statement.objtype === 'OBJECT_SEQUENCE' || statement.objtype === 'OBJECT_TYPE') return effects([]);
  const commands = altered(statement);
  const parts = commands.map((command) =>
    effectsOfCommand({ table, facts: catalog.table(table), catalog, command }),
  );
  if (parts.includes(null)) return UNKNOWN;
  const outside = commands.some(
    ({ subtype, def }) => subtype === 'AT_DetachPartition' && partitionOf(def)?.concurrent === true,
  );
  return effects(
    parts.flatMap((part) => part ?? []),
    { outside },
  );
}

export function altered({ cmds }: AlterTableStmt): readonly AlterTableCmd[] {
  return (cmds ?? []).flatMap((node) => ('AlterTableCmd' in node ? [node.AlterTableCmd] : []));
}

export function columnDefinition(command: AlterTableCmd): ColumnDef | null {
  return command.def && 'ColumnDef' in command.def ? command.def.ColumnDef : null;
}

export function constraintDefinition(command: AlterTableCmd): Constraint | null {
  return command.def && 'Constraint' in command.def ? command.def.Constraint : null;
}

export function columnConstraints(column: ColumnDef | null): readonly Constraint[] {
  return (column?.constraints ?? []).flatMap((node) => ('Constraint' in node ? [node.Constraint] : []));
}

function effectsOnIndex(statement: AlterTableStmt, catalog: Catalog): Effects {
  const index = relationName(statement.relation);
  const attaches = altered(statement).some(({ subtype }) => subtype === 'AT_AttachPartition');
  // The table itself is only looked at; what reads it by this index waits.
  return attaches ? effects([lock(catalog.indexTable(index) ?? index, 'ACCESS SHARE')]) : effects([]);
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
  AT_AlterConstraint: 'ACCESS EXCLUSIVE',
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

function effectsOfCommand(altering: Altering): readonly Effect[] | null {
  const { table, command, catalog } = altering;
  const brief = BRIEF[command.subtype ?? ''];
  if (brief) return [lock(table, brief)];
  switch (command.subtype) {
    case 'AT_AddColumn':
      return addColumn(altering);
    case 'AT_AlterColumnType':
      return [lock(table, 'ACCESS EXCLUSIVE', typeChange(altering))];
    case 'AT_SetNotNull':
      return [lock(table, 'ACCESS EXCLUSIVE', { scan: !isProvedNotNull(altering.facts, command.name) })];
    case 'AT_SetExpression':
      return [lock(table, 'ACCESS EXCLUSIVE', { rewrite: true })];
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
      return [lock(table, SHARE_UPDATE)];
    case 'AT_AttachPartition':
      return attach(table, command, catalog);
    case 'AT_DetachPartition':
      return detach(table, command, catalog);
    case 'AT_DetachPartitionFinalize':
      return [
        lock(table, SHARE_UPDATE),
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
    scan: !rewrite && (unique !== undefined || has('CONSTR_CHECK') !== undefined || isRequired(column)),
  });
  const foreign = has('CONSTR_FOREIGN');
  return foreign ? [own, lock(relationName(foreign.pktable), 'SHARE ROW EXCLUSIVE')] : [own];
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
    catalog.isConstrainedDomain(type) === true
  );
}

export function isSerial(type: string): boolean {
  return /^(?:small|big)?serial[248]?$/.test(type);
}

/** A USING that is only the cast that would be made anyway changes nothing. */
function typeChange({ facts, command, catalog }: Altering): {
  readonly rewrite: boolean;
  readonly scan: boolean;
} {
  const column = columnDefinition(command);
  const known = columnOf(facts, command.name);
  const wanted = typeText(column?.typeName);
  const free =
    known !== null &&
    isPlainCast(column?.raw_default, command.name) &&
    catalog.isConstrainedDomain(wanted) !== true &&
    isFreeTypeChange(known.type, wanted, catalog);
  const checked = (facts?.constraints ?? []).some(
    ({ kind, columns }) => kind === 'check' && columns.includes(command.name ?? ''),
  );
  return { rewrite: !free, scan: free && checked };
}

function isPlainCast(using: Node | undefined, column: string | undefined): boolean {
  if (using === undefined) return true;
  if ('TypeCast' in using) return using.TypeCast.arg !== undefined && isPlainCast(using.TypeCast.arg, column);
  return 'ColumnRef' in using && stringsOf(using.ColumnRef.fields).at(-1) === column;
}

/** A valid CHECK (c IS NOT NULL), a primary key, or NOT NULL already: nothing has to be read. */
export function isProvedNotNull(facts: TableFacts | null, column: string | undefined): boolean {
  if (!facts || !column) return false;
  if (
    columnOf(facts, column)?.notNull &&
    !facts.constraints.some(
      (entry) => entry.kind === 'notNull' && !entry.validated && entry.columns.includes(column),
    )
  )
    return true;
  return facts.constraints.some(
    ({ kind, validated, definition }) =>
      kind === 'check' &&
      validated &&
      new RegExp(`\\(\\(?"?${column.replaceAll(/[^\w]/g, '.')}"? IS NOT NULL\\)`).test(definition),
  );
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
        return [lock(table, 'ACCESS EXCLUSIVE', { scan: needsNullScan(constraint, facts, catalog) })];
      return [lock(table, 'ACCESS EXCLUSIVE', { scan: true })];
    case 'CONSTR_EXCLUSION':
      return [lock(table, 'ACCESS EXCLUSIVE', { scan: true })];
    default:
      return command.def ? null : [];
  }
}

/** A primary key makes its columns NOT NULL, and that is read where nothing proves it. */
function needsNullScan(constraint: Constraint, facts: TableFacts | null, catalog: Catalog): boolean {
  if (constraint.contype !== 'CONSTR_PRIMARY') return false;
  const index = facts?.indexes.find(({ name }) => name === constraint.indexname);
  if (!index) return true;
  return index.columns.some((column) => !isProvedNotNull(catalog.table(facts?.name ?? '') ?? facts, column));
}

function validate({ table, facts, command }: Altering): readonly Effect[] {
  const constraint = facts?.constraints.find(({ name }) => name === command.name);
  const own = lock(table, SHARE_UPDATE, { scan: constraint?.validated !== true });
  return constraint?.references
    ? [own, lock(constraint.references, 'ROW SHARE', { scan: !constraint.validated })]
    : [own];
}

function dropConstraint({ table, facts, command }: Altering): readonly Effect[] {
  const constraint = facts?.constraints.find(({ name }) => name === command.name);
  const own = lock(table, 'ACCESS EXCLUSIVE');
  return constraint?.references ? [own, lock(constraint.references, 'ACCESS EXCLUSIVE')] : [own];
}

function partitionOf(def: Node | undefined) {
  return def && 'PartitionCmd' in def ? def.PartitionCmd : null;
}

function attach(table: string, command: AlterTableCmd, catalog: Catalog): readonly Effect[] {
  const child = relationName(partitionOf(command.def)?.name);
  const rest = catalog.table(table)?.defaultPartition;
  // Whether a CHECK implies the bounds is PostgreSQL's to prove; a valid one of any kind is taken for a try at it.
  const proved = (name: string) =>
    (catalog.table(name)?.constraints ?? []).some(({ kind, validated }) => kind === 'check' && validated);
  const own = [lock(table, SHARE_UPDATE), lock(child, 'ACCESS EXCLUSIVE', { scan: !proved(child) })];
  return rest ? [...own, lock(rest, 'ACCESS EXCLUSIVE', { scan: !proved(rest) })] : own;
}

function detach(table: string, command: AlterTableCmd, catalog: Catalog): readonly Effect[] {
  const partition = partitionOf(command.def);
  const child = relationName(partition?.name);
  if (partition?.concurrent) return [lock(table, SHARE_UPDATE), lock(child, 'ACCESS EXCLUSIVE')];
  const rest = catalog.table(table)?.defaultPartition;
  const own = [lock(table, 'ACCESS EXCLUSIVE'), lock(child, 'ACCESS EXCLUSIVE')];
  return rest ? [...own, lock(rest, 'ACCESS EXCLUSIVE')] : own;
}

function inherited(def: Node | undefined): string {
  return def && 'RangeVar' in def ? relationName(def.RangeVar) : '';
}

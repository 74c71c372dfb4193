import { createHash } from 'node:crypto';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { Node } from '@pgsql/types';
import type { TableFacts } from '../catalog/catalog.ts';
import { type CompareStep, type MigrationPlan, type Step, statement } from '../plan/step.ts';
import { expressionText } from '../sql/deparse.ts';
import { quoteName, quoteRelation } from '../sql/names.ts';
import { parseExpression } from '../sql/parse-sql.ts';
import type { Planning } from './planned-change.ts';

/**
 * Keeps old and new columns of a row equal while two releases write it: rename, retype, split and
 * merge are all this. A BEFORE trigger looks at which side a statement changed. An INSERT that gives
 * both or neither is decided by holdfast.schema_version, a setting that a session or its role may
 * carry (ALTER ROLE app_v7 SET holdfast.schema_version = '7'); never by the text of search_path, which
 * poolers lose. It is made before the backfill: CREATE TRIGGER waits for writers under way, so no
 * later write is missed; and the backfill itself goes past it.
 */
export interface Mirror {
  readonly table: string;
  readonly old: readonly MirroredColumn[];
  readonly new: readonly MirroredColumn[];
}

export interface MirroredColumn {
  readonly name: string;
  /** As format_type prints it. */
  readonly type: string;
  /** Its value from the columns of the other side. */
  readonly from: string;
}

/** Set by the executor while it fills rows, to the change whose backfill it is. */
export const BACKFILL_SETTING = 'holdfast.backfill_of';
const VERSION_SETTING = 'holdfast.schema_version';

export function mirrorSteps(
  mirror: Mirror,
  planning: Planning,
  end: { readonly before?: readonly Step[]; readonly after?: readonly string[] } = {},
): Pick<MigrationPlan, 'expand' | 'backfill' | 'verify' | 'contract' | 'abort'> {
  const relation = quoteRelation(mirror.table);
  const [name, made] = [triggerName(planning), triggerFunction(planning)];
  const columns = [...mirror.old, ...mirror.new].map((column) => column.name);
  const assign = mirror.new.map((column) => `${quoteName(column.name)} = ${column.from}`).join(', ');
  const undo = [`DROP TRIGGER IF EXISTS ${name} ON ${relation}`, `DROP FUNCTION IF EXISTS ${made}()`];
  const watched = columnsToWatch(planning.catalog.table(mirror.table), columns);
  const drop = (sides: readonly MirroredColumn[], ...also: readonly string[]) =>
    statement(
      ...undo,
      `ALTER TABLE ${relation} ${sides.map((column) => `DROP COLUMN IF EXISTS ${quoteName(column.name)}`).join(', ')}`,
      ...also,
    );
  const compare: CompareStep = {
    kind: 'compare',
    alias: 't',
    table: mirror.table,
    where: differs(mirror),
    sentence: `rows of ${mirror.table} whose old and new columns differ`,
  };
  return {
    expand: [
      statement(functionText(mirror, planning)),
      statement(
        `CREATE TRIGGER ${name} BEFORE INSERT OR UPDATE${watched === null ? '' : ` OF ${watched.map(quoteName).join(', ')}`} ON ${relation} FOR EACH ROW WHEN (${notFilling(planning)}) EXECUTE FUNCTION ${made}()`,
      ),
    ],
    backfill: [
      {
        kind: 'backfill',
        table: mirror.table,
        alias: relation,
        change: `UPDATE ${relation} SET ${assign}`,
        where: differs(mirror),
      },
    ],
    verify: [compare],
    // Again: it may have been ready for weeks, and what passes the trigger (a subscription, a partition that is attached) may have come since.
    contract: [
      { ...compare, where: wouldBeLost(mirror) },
      ...(end.before ?? []),
      drop(mirror.old, ...(end.after ?? [])),
    ],
    abort: [drop(mirror.new)],
  };
}

/**
 * A row that is not filled yet and moves from one range to another must be filled as it goes, or no range may ever meet it: the
 * trigger fires for the key's columns, too. null: for every update, where ranges are not those of a primary key, or where
 * other triggers, of partitions as well, may change a column that the statement does not name.
 */
function columnsToWatch(facts: TableFacts | null, columns: readonly string[]): readonly string[] | null {
  const key = primaryKeyOf(facts);
  if (!facts || !key || facts.kind !== 'table' || facts.beforeTriggers || facts.partitions.length > 0)
    return null;
  return [...new Set([...columns, ...key])];
}

/**
 * Neither side follows from the other. Lossy expressions (split, merge) need to hold one way only. Images
 * are compared (what *<> does): not every type has an equality, and 1.5 is not what 1.50 was.
 */
function differs(mirror: Mirror): string {
  const forward = apart(mirror.new);
  // Where nothing was filled, the way back may hold by chance (concat_ws of nulls is empty).
  return isCopy(mirror) ? forward : `${forward} AND (${apart(mirror.old)} OR (${isEmpty(mirror)}))`;
}

/** These columns are not what follows from the others. */
function apart(columns: readonly MirroredColumn[]): string {
  const values = columns.map(({ from, type }) => `CAST((${from}) AS ${type})`).join(', ');
  return `record_image_ne(ROW(${columns.map(({ name }) => quoteName(name)).join(', ')}), ROW(${values}))`;
}

function isCopy({ old, new: added }: Mirror): boolean {
  return [...old, ...added].every((column) => /^"?[A-Za-z_]\w*"?$/.test(column.from));
}

/** Of one type, so that no cast goes by a session's time zone. */
function isRename(mirror: Mirror): boolean {
  const columns = [...mirror.old, ...mirror.new];
  return isCopy(mirror) && columns.every(({ type }) => type === columns[0]?.type);
}

function isEmpty({ new: added }: Mirror): string {
  return added.map((column) => `${quoteName(column.name)} IS NULL`).join(' AND ');
}

function primaryKeyOf(facts: TableFacts | null): readonly string[] | null {
  return facts?.constraints.find(({ kind }) => kind === 'primary')?.columns ?? null;
}

/** Of what only the old side has: a lossy expression, or one that goes by the session, says little of rows that both releases have written. */
function wouldBeLost(mirror: Mirror): string {
  return isRename(mirror)
    ? differs(mirror)
    : `${differs(mirror)} AND (${isEmpty(mirror)}) AND ${apart(mirror.old)}`;
}

/**
 * A row that neither side of was changed, and that the backfill has not come to. Under another name a value is equal or not filled. Of other expressions
 * a difference says nothing on a row that stays where it is, and the comparison finds what a range did not meet.
 */
function unfilled(mirror: Mirror, planning: Planning): readonly string[] {
  if (isRename(mirror)) return [ofNewRow(differs(mirror), planning)];
  const key = primaryKeyOf(planning.catalog.table(mirror.table));
  if (key === null) return [];
  const lacks = ofNewRow(`${differs(mirror)} AND (${isEmpty(mirror)})`, planning);
  return [`${changedOf(key)} AND ${lacks}`];
}

export function triggerName(planning: Planning): string {
  return `zz_holdfast_${labelOf(planning)}`;
}

export function triggerFunction(planning: Planning): string {
  return `holdfast.keep_${labelOf(planning)}`;
}

/** Of its own backfill; what another change's backfill writes is followed like anybody's. */
export function notFilling(planning: Planning): string {
  return `current_setting('${BACKFILL_SETTING}', true) IS DISTINCT FROM '${changeOf(planning)}'`;
}

/** Several apps may share a database, and count their versions each for itself. */
export function changeOf({ scope, version }: Pick<Planning, 'scope' | 'version'>): string {
  return `${createHash('sha256').update(scope).digest('hex').slice(0, 8)}_${version}`;
}

function labelOf(planning: Planning): string {
  return `${changeOf(planning)}_${planning.place}`;
}

function functionText(mirror: Mirror, planning: Planning): string {
  const up = mirror.new.map((column) => assignment(column, planning)).join(' ');
  const down = mirror.old.map((column) => assignment(column, planning)).join(' ');
  const given = (columns: readonly MirroredColumn[]) =>
    columns.map(({ name }) => `NEW.${quoteName(name)} IS NOT NULL`).join(' OR ');
  const changed = (columns: readonly MirroredColumn[]) => changedOf(columns.map((column) => column.name));
  // A row that moves to another partition is an INSERT there: what agrees already stays as it is.
  const agrees = ofNewRow(`NOT (${differs(mirror)})`, planning);
  return `CREATE FUNCTION ${triggerFunction(planning)}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $holdfast$
DECLARE
  said bigint := nullif(current_setting('${VERSION_SETTING}', true), '')::bigint - ${planning.version};
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF (${given(mirror.new)}) AND (${given(mirror.old)}) THEN
      IF ${agrees} THEN RETURN NEW; END IF;
    END IF;
    IF coalesce(said >= 0, ${given(mirror.new)}) THEN ${down} ELSE ${up} END IF;
    RETURN NEW;
  END IF;
  IF (${changed(mirror.new)}) AND (coalesce(said >= 0, true) OR NOT (${changed(mirror.old)})) THEN ${down}
  ELSIF ${[changed(mirror.old), ...unfilled(mirror, planning)].map((one) => `(${one})`).join(' OR ')} THEN ${up} END IF;
  RETURN NEW;
END $holdfast$`;
}

/** The statement has changed one of these columns of the row. */
function changedOf(names: readonly string[]): string {
  const image = (row: 'NEW' | 'OLD') => `ROW(${names.map((name) => `${row}.${quoteName(name)}`).join(', ')})`;
  return `record_image_ne(${image('NEW')}, ${image('OLD')})`;
}

function assignment({ name, from }: MirroredColumn, planning: Planning): string {
  return `NEW.${quoteName(name)} := ${ofNewRow(from, planning)};`;
}

/** `price * 2` as `NEW.price * 2`: the grammar knows which words are columns. */
export function ofNewRow(expression: string, { file }: Pick<Planning, 'file'>): string {
  const parsed = parseExpression(file, expression);
  if (JSON.stringify(parsed).includes('"SubLink"'))
    throw new HoldfastError(
      'migrationInvalid',
      `${file}: expected an expression over the columns of one row, found a query: ${expression}`,
    );
  return expressionText(qualified(parsed) as Node);
}

function qualified(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(qualified);
  if (typeof tree !== 'object' || tree === null) return tree;
  return Object.fromEntries(
    Object.entries(tree).map(([kind, inner]) => {
      if (kind !== 'ColumnRef') return [kind, qualified(inner)];
      const fields = (inner as { fields?: Node[] }).fields ?? [];
      return [kind, { ...(inner as object), fields: [{ String: { sval: 'new' } }, fields.at(-1)] }];
    }),
  );
}

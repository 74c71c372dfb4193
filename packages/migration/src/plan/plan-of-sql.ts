import { createHash } from 'node:crypto';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { PhaseFile } from '@holdfast/core/migration/source.ts';
import type { RangeVar } from '@pgsql/types';
import type { Catalog } from '../catalog/catalog.ts';
import { altered } from '../effects/alter-table.ts';
import { effectsOf } from '../effects/effects-of.ts';
import { partitionOf } from '../effects/partition-commands.ts';
import { constraintName } from '../lint/constraint-name.ts';
import { expressionText, statementText } from '../sql/deparse.ts';
import { quoteName, quoteRelation, relationName } from '../sql/names.ts';
import { parseSql } from '../sql/parse-sql.ts';
import { type Statement, statementAs } from '../sql/statement.ts';
import {
  type CompareStep,
  type Leftover,
  type MigrationPlan,
  NO_STEPS,
  type Step,
  statement,
} from './step.ts';

/** Files of SQL as steps: a statement, a transaction. */
export function planOfSql(files: readonly PhaseFile[], catalog: Catalog): MigrationPlan {
  const steps = (phase: PhaseFile['phase']) =>
    files
      .filter((file) => file.phase === phase)
      .flatMap((file) => parseSql(file.path, file.text).map((one) => stepOf(one, phase, catalog)));
  return {
    ...NO_STEPS,
    expand: [...steps('expand'), ...steps('plain')],
    backfill: steps('backfill'),
    verify: files
      .filter(({ phase }) => phase === 'backfill')
      .flatMap(({ path, text }) => parseSql(path, text))
      .flatMap((one, filledBy) => {
        const step = comparisonOf(one);
        return step ? { ...step, filledBy } : [];
      }),
    contract: steps('contract'),
    abort: steps('abort'),
  };
}

function stepOf(one: Statement, phase: PhaseFile['phase'], catalog: Catalog): Step {
  if (phase === 'backfill') return backfillOf(one);
  const effects = effectsOf(one, catalog);
  const index = statementAs(one, 'IndexStmt');
  if (index?.concurrent) {
    // A leftover of a try that was killed is known by its name; one of PostgreSQL's choice would be another each time.
    const own = createHash('sha256').update(one.text).digest('hex').slice(0, 6);
    const name =
      index.idxname ?? `${constraintName(relationName(index.relation), 'idx').slice(0, 56)}_${own}`;
    return {
      kind: 'index',
      sql: statementText({ IndexStmt: { ...index, idxname: name, if_not_exists: false } }),
      table: relationName(index.relation),
      index: name,
    };
  }
  if (effects.outside) {
    const leaves = leftoverOf(one);
    return { kind: 'outside', sql: repeatable(one), ...(leaves && { leaves }) };
  }
  const reads = effects.on.some(({ scan, lock }) => scan && lock === 'SHARE UPDATE EXCLUSIVE');
  return reads ? { ...statement(one.text), long: true } : statement(one.text);
}

/** Killed between the statement and its mark, it is run again: DROP INDEX must not mind. */
function repeatable(one: Statement): string {
  const dropped = statementAs(one, 'DropStmt');
  return dropped ? statementText({ DropStmt: { ...dropped, missing_ok: true } }) : one.text;
}

function leftoverOf(one: Statement): Leftover | null {
  const reindex = statementAs(one, 'ReindexStmt');
  if (reindex?.relation) {
    const of = reindex.kind === 'REINDEX_OBJECT_INDEX' ? 'index' : 'table';
    return { kind: 'indexes', of, relation: relationName(reindex.relation) };
  }
  const alter = statementAs(one, 'AlterTableStmt');
  const [detach] = alter ? altered(alter).filter(({ subtype }) => subtype === 'AT_DetachPartition') : [];
  const partition = partitionOf(detach?.def);
  return alter && partition
    ? { kind: 'detaching', table: relationName(alter.relation), partition: relationName(partition.name) }
    : null;
}

/**
 * No row is left that fits the condition, where filling a row makes it fit no more: the condition speaks of what is set
 * (`SET email = … WHERE email IS NULL`), or the row is gone. What comes back is written by somebody in the old shape.
 */
function comparisonOf(one: Statement): CompareStep | null {
  const updated = statementAs(one, 'UpdateStmt');
  const deleted = statementAs(one, 'DeleteStmt');
  const changed = updated ?? deleted;
  const others = updated?.fromClause ?? deleted?.usingClause ?? [];
  if (!changed?.relation || !changed.whereClause || others.length > 0) return null;
  const set = (updated?.targetList ?? []).flatMap((node) =>
    'ResTarget' in node ? (node.ResTarget.name ?? []) : [],
  );
  const condition = JSON.stringify(changed.whereClause);
  const speaks = set.some((column) => condition.includes(`"sval":${JSON.stringify(column)}}}]`));
  if (updated && !speaks) return null;
  return {
    kind: 'compare',
    table: relationName(changed.relation),
    alias: aliasOf(changed.relation),
    where: expressionText(changed.whereClause),
    sentence: `rows of ${relationName(changed.relation)} still fit ${one.place.file}:${one.place.line}: a release writes them in the old shape`,
  };
}

function aliasOf(relation: RangeVar): string {
  const { aliasname } = relation.alias ?? {};
  return aliasname ? quoteName(aliasname) : quoteRelation(relationName(relation));
}

function backfillOf(one: Statement): Step {
  const updated = statementAs(one, 'UpdateStmt');
  const deleted = statementAs(one, 'DeleteStmt');
  const changed = updated ?? deleted;
  if (!changed?.relation) {
    const { file, line, column } = one.place;
    throw new HoldfastError(
      'migrationInvalid',
      `${file}:${line}:${column}: expected UPDATE or DELETE of one table`,
    );
  }
  const { whereClause, ...whole } = changed;
  return {
    kind: 'backfill',
    table: relationName(changed.relation),
    alias: aliasOf(changed.relation),
    change: statementText(updated ? { UpdateStmt: whole } : { DeleteStmt: whole }),
    where: whereClause ? expressionText(whereClause) : null,
  };
}

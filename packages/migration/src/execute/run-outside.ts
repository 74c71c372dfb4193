import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { IndexStep, Leftover, OutsideStep } from '../plan/step.ts';
import { quoteName, quoteRelation } from '../sql/names.ts';
import { parseSql } from '../sql/parse-sql.ts';
import { statementAs } from '../sql/statement.ts';
import type { Session } from './session.ts';

/**
 * What PostgreSQL allows no transaction for. A try that failed or was killed leaves something halfway, which is cleared away or
 * brought to its end first. While another session still works on it (a killed controller's may live
 * on for a while), its advisory lock says so and nothing is touched.
 */
const BUILDS = 7_070_442;
/** insufficient_privilege */
const NO_PRIVILEGE = '42501';

/** CREATE INDEX CONCURRENTLY, until there is a valid one. */
export async function runIndex(
  session: Session,
  { sql, table, index }: IndexStep,
  isMine: () => Promise<void>,
): Promise<void> {
  await alone(session, nameOf(table, index), async () => {
    await isMine();
    const { there, shape } = await stateOf(session, table, index);
    if (there === 'elsewhere')
      throw new HoldfastError(
        'migrationInvalid',
        `${nameOf(table, index)} is not an index of ${table}, and the name can be had only once; choose another`,
      );
    if (there === 'valid' && isOther(sql, shape))
      throw new HoldfastError(
        'migrationInvalid',
        `${table} has an index ${index} already, of other columns or not as unique; choose another name`,
      );
    if (there === 'valid') return;
    if (there === 'invalid') await session.script(dropText(table, index));
    try {
      await session.script(sql);
    } catch (error) {
      await session.script(dropText(table, index)).catch(() => {});
      throw error;
    }
  });
}

export async function runOutside(
  session: Session,
  { sql, leaves }: OutsideStep,
  isMine: () => Promise<void>,
): Promise<void> {
  const dropped = /^DROP INDEX CONCURRENTLY (?:IF EXISTS )?(\S+)$/.exec(sql)?.[1];
  await alone(session, dropped ?? sql, async () => {
    await isMine();
    if (leaves?.kind === 'detaching') return detach(session, sql, leaves);
    if (leaves) await dropHalfBuilt(session, leaves);
    try {
      await session.script(sql);
    } catch (error) {
      if (leaves) await dropHalfBuilt(session, leaves).catch(() => {});
      throw error;
    }
  });
}

/** PostgreSQL names what REINDEX CONCURRENTLY builds, and what it replaces, by these endings. */
async function dropHalfBuilt(
  session: Session,
  { of, relation }: Leftover & { readonly kind: 'indexes' },
): Promise<void> {
  const table =
    of === 'table' ? 'to_regclass($1)' : '(SELECT indrelid FROM pg_index WHERE indexrelid = to_regclass($1))';
  const { rows } = await session.query<{ name: string }>(
    `WITH meant AS (SELECT ${table}::oid AS oid), whole AS (
       SELECT oid FROM meant UNION SELECT relid FROM meant, pg_partition_tree(oid))
     SELECT format('%s.%I', c.relnamespace::regnamespace, c.relname) AS name
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND i.indrelid IN (
       SELECT oid FROM whole UNION SELECT reltoastrelid FROM whole JOIN pg_class USING (oid))`,
    [quoteRelation(relation)],
  );
  for (const { name } of rows)
    await session.script(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`).catch((error) => {
      // Those of TOAST tables are dropped by superusers only; left alone they cost space and nothing else.
      if (error.code !== NO_PRIVILEGE) throw error;
    });
}

/** One that is neither in nor out is brought to its end; one that is out stays so. */
async function detach(
  session: Session,
  sql: string,
  { table, partition }: Leftover & { readonly kind: 'detaching' },
): Promise<void> {
  const [parent, child] = [quoteRelation(table), quoteRelation(partition)];
  const { rows } = await session.query<{ pending: boolean | null; attached: boolean }>(
    `SELECT c.relispartition AS attached,
       (SELECT inhdetachpending FROM pg_inherits WHERE inhparent = p.oid AND inhrelid = c.oid) AS pending
     FROM pg_class p, pg_class c WHERE p.oid = to_regclass($1) AND c.oid = to_regclass($2)`,
    [parent, child],
  );
  const [both] = rows;
  if (both && !both.attached) return;
  await session.script(both?.pending ? `ALTER TABLE ${parent} DETACH PARTITION ${child} FINALIZE` : sql);
}

async function alone(session: Session, what: string, work: () => Promise<void>): Promise<void> {
  const { rows } = await session.query<{ mine: boolean }>(
    `SELECT pg_try_advisory_lock(${BUILDS}, hashtext($1)) AS mine`,
    [what],
  );
  if (!rows[0]?.mine) throw new HoldfastError('fenceStale', 'another session still works on it');
  try {
    await session.script('SET lock_timeout = 0; SET statement_timeout = 0');
    await work();
  } finally {
    await session.query(`SELECT pg_advisory_unlock(${BUILDS}, hashtext($1))`, [what]).catch(() => {});
  }
}

/** Building and dropping an index take the same key, so that neither overtakes the other. */
function nameOf(table: string, index: string): string {
  return [...table.split('.').slice(0, -1), index].map(quoteName).join('.');
}

function dropText(table: string, index: string): string {
  return `DROP INDEX CONCURRENTLY IF EXISTS ${nameOf(table, index)}`;
}

async function stateOf(
  session: Session,
  table: string,
  index: string,
): Promise<{ readonly there: 'none' | 'valid' | 'invalid' | 'elsewhere'; readonly shape: Shape | null }> {
  // Names are a schema's: what is called so may belong to another table, and be in use.
  const { rows } = await session.query<{ own: boolean; valid: boolean } & Shape>(
    `SELECT coalesce(i.indrelid = t.oid, false) AS own, coalesce(i.indisvalid, false) AS valid, coalesce(i.indisunique, false) AS unique,
       (SELECT json_agg(a.attname ORDER BY k.place) FROM unnest(i.indkey::int[]) WITH ORDINALITY k (number, place)
          LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number WHERE k.place <= i.indnkeyatts) AS columns
     FROM pg_class t JOIN pg_class c ON c.relnamespace = t.relnamespace AND c.relname = $2
       LEFT JOIN pg_index i ON i.indexrelid = c.oid
     WHERE t.oid = to_regclass($1)`,
    [quoteRelation(table), index],
  );
  const [there] = rows;
  if (there === undefined) return { there: 'none', shape: null };
  return { there: there.own ? (there.valid ? 'valid' : 'invalid') : 'elsewhere', shape: there };
}

interface Shape {
  readonly unique: boolean;
  /** null: an expression. */
  readonly columns: readonly (string | null)[] | null;
}

/** Expressions are printed in other words by PostgreSQL than they were written in: only columns are compared. */
function isOther(sql: string, shape: Shape | null): boolean {
  const [parsed] = parseSql(sql, sql);
  const wanted = parsed && statementAs(parsed, 'IndexStmt');
  if (!wanted || !shape) return false;
  const names = (wanted.indexParams ?? []).map((node) =>
    'IndexElem' in node ? (node.IndexElem.name ?? null) : null,
  );
  const same = names.every((name, at) => name === null || name === (shape.columns?.[at] ?? null));
  return !same || names.length !== shape.columns?.length || (wanted.unique ?? false) !== shape.unique;
}

import { HoldfastError } from '@holdfast/contract/errors.ts';
import { constraintName } from '../../lint/constraint-name.ts';
import { notNullLater } from '../../lint/not-null-later.ts';
import { type Step, statement } from '../../plan/step.ts';
import { quoteName, quoteRelation, quoteText } from '../../sql/names.ts';
import type { ChangeOf } from '../changes-yaml.ts';
import { everyRowFilled, fillRows, fillTrigger } from '../fill.ts';
import { followColumn } from '../follow-column.ts';
import {
  admitLeaves,
  checkViews,
  droppableColumn,
  knownColumn,
  knownTable,
  movableColumn,
  newColumn,
} from '../known-column.ts';
import { changeOf, type MirroredColumn, mirrorSteps } from '../mirror.ts';
import { notNullSteps } from '../not-null-steps.ts';
import type { Planner, Planning } from '../planned-change.ts';
import { rehearsal } from '../rehearsal.ts';

/** Changes that are a second column, kept equal: rename, retype, split, merge. */
export const rename: Planner<ChangeOf<'rename'>> = (change, planning) => {
  if (change.views !== undefined) return renameByViews({ ...change, views: change.views }, planning);
  const column = movableColumn(change.table, change.column, planning);
  const { type, collation } = column;
  return twice(change.table, planning, {
    old: [{ name: change.column, type, from: quoteName(change.to) }],
    added: [{ name: change.to, from: quoteName(change.column), type, collation }],
    follow: followColumn(knownTable(change.table, planning), {
      from: change.column,
      to: change.to,
      notNull: column.notNull,
    }),
    default: column.default,
    sequence: column.sequence,
  });
};

export const retype: Planner<ChangeOf<'retype'>> = (change, planning) => {
  const column = movableColumn(change.table, change.column, planning);
  if (column.default !== null && change.default === undefined)
    throw new HoldfastError(
      'migrationInvalid',
      `${planning.file}: ${change.table}.${change.column} has the default ${column.default}; say which the new column has (default:)`,
    );
  admitLeaves(change, { columns: [change.column], kinds: ['check'] }, planning);
  return twice(change.table, planning, {
    old: [{ name: change.column, type: column.type, from: change.down }],
    added: [{ name: change.to, from: change.up, type: change.type }],
    follow: followColumn(withoutChecks(change.table, planning), {
      from: change.column,
      to: change.to,
      notNull: column.notNull,
    }),
    default: change.default ?? null,
    sequence: change.default?.includes('nextval(') ? column.sequence : null,
  });
};

/** A CHECK on values of the old type may not even parse for the new one. */
function withoutChecks(table: string, planning: Planning) {
  const facts = knownTable(table, planning);
  return { ...facts, constraints: facts.constraints.filter(({ kind }) => kind !== 'check') };
}

export const split: Planner<ChangeOf<'split'>> = (change, planning) => {
  const { type: oldType, default: given } = movableColumn(change.table, change.column, planning);
  const parts = Object.entries(change.into);
  if (given !== null && parts.some(([, { notNull }]) => notNull))
    throw new HoldfastError(
      'migrationInvalid',
      `${planning.file}: ${change.table}.${change.column} has the default ${given}, which goes with it, and its parts may not be NULL; drop the default first, in a change of its own`,
    );
  admitLeaves(change, { columns: [change.column], kinds: 'all' }, planning);
  return twice(change.table, planning, {
    old: [{ name: change.column, type: oldType, from: change.down }],
    added: parts.map(([name, { type, up }]) => ({ name, type, from: up })),
    follow: parts.flatMap(([name, { notNull }]) => (notNull ? notNullSteps(change.table, name) : [])),
  });
};

export const merge: Planner<ChangeOf<'merge'>> = (change, planning) => {
  const old = Object.entries(change.columns);
  admitLeaves(change, { columns: Object.keys(change.columns), kinds: 'all' }, planning);
  return twice(change.table, planning, {
    old: old.map(([name, from]) => ({ name, from, type: movableColumn(change.table, name, planning).type })),
    added: [{ name: change.into, type: change.type, from: change.up }],
    follow: change.notNull ? notNullSteps(change.table, change.into) : [],
  });
};

interface Twice {
  readonly old: readonly MirroredColumn[];
  readonly added: readonly (MirroredColumn & { readonly collation?: string | null })[];
  readonly follow: readonly Step[];
  /** Given to the new column when the old one goes: until then each INSERT gets the old one's. */
  readonly default?: string | null;
  /** Belongs to the old column, and would go with it. */
  readonly sequence?: string | null;
}

function twice(table: string, planning: Planning, change: Twice) {
  const { old, added, follow } = change;
  for (const { name } of added) newColumn(table, name, planning);
  const alter = `ALTER TABLE ${quoteRelation(table)}`;
  const defaults = change.default
    ? added.map(({ name }) => `${alter} ALTER COLUMN ${quoteName(name)} SET DEFAULT ${change.default}`)
    : [];
  const steps = mirrorSteps({ table, old, new: added }, planning, {
    before: sequenceSteps(table, change),
    after: defaults,
  });
  const adds = added
    .map(
      ({ name, type, collation }) =>
        `ADD COLUMN ${quoteName(name)} ${type}${collation ? ` COLLATE ${collation}` : ''}`,
    )
    .join(', ');
  return {
    ...steps,
    expand: [
      ...rehearsal(table, added, planning),
      statement(`${alter} ${adds}`, ...grantsOf(table, change, planning)),
      ...steps.expand,
    ],
    verify: [...steps.verify, ...follow],
  };
}

/** Who may read or write an old column alone may do so with the new ones. */
function grantsOf(table: string, { old, added }: Twice, planning: Planning): readonly string[] {
  const columns = added.map(({ name }) => quoteName(name)).join(', ');
  const given = old.flatMap(({ name }) => knownColumn(table, name, planning).grants ?? []);
  const words = given.map(
    ({ privilege, role }) => `GRANT ${privilege} (${columns}) ON ${quoteRelation(table)} TO ${role}`,
  );
  return [...new Set(words)];
}

/** Before its column goes. One that counts for a bigint must not end where an integer does. */
function sequenceSteps(table: string, { sequence, added: [column] }: Twice): readonly Step[] {
  if (sequence == null || !column) return [];
  const wide = /^(?:bigint|int8)$/i.test(column.type) ? ' AS bigint' : '';
  const owner = `${quoteRelation(table)}.${quoteName(column.name)}`;
  return [statement(`ALTER SEQUENCE ${sequence}${wide} OWNED BY ${owner}`)];
}

/** No second column: a schema of views has the new name, and releases choose it by their search path. */
function renameByViews(change: ChangeOf<'rename'> & { readonly views: string }, planning: Planning) {
  checkViews(planning);
  const table = knownTable(change.table, planning);
  knownColumn(change.table, change.column, planning);
  const [schema, relation] = [quoteName(change.views), quoteRelation(change.table)];
  const view = `${schema}.${quoteName(change.table.split('.').at(-1) ?? '')}`;
  const mark = quoteText(`holdfast ${changeOf(planning)}`);
  const columns = table.columns.map(({ name }) =>
    name === change.column ? `${quoteName(name)} AS ${quoteName(change.to)}` : quoteName(name),
  );
  return {
    expand: [
      statement(
        `CREATE SCHEMA IF NOT EXISTS ${schema}`,
        `CREATE VIEW ${view} WITH (security_invoker = true) AS SELECT ${columns.join(', ')} FROM ${relation}`,
        `COMMENT ON VIEW ${view} IS ${mark}`,
        `GRANT USAGE ON SCHEMA ${schema} TO PUBLIC`,
        `GRANT SELECT, INSERT, UPDATE, DELETE ON ${view} TO PUBLIC`,
      ),
    ],
    // The view goes on: it names the column by its number, and the release that uses it does not notice.
    contract: [
      statement(
        `ALTER TABLE ${relation} RENAME COLUMN ${quoteName(change.column)} TO ${quoteName(change.to)}`,
      ),
    ],
    // Of that name there may be one of another change, in use.
    abort: [
      statement(`DO $holdfast$ BEGIN
  IF obj_description(to_regclass(${quoteText(view)}), 'pg_class') = ${mark} THEN DROP VIEW ${view}; END IF;
END $holdfast$`),
    ],
  };
}

export const addColumn: Planner<ChangeOf<'addColumn'>> = (change, planning) => {
  knownTable(change.table, planning);
  newColumn(change.table, change.column, planning);
  const [relation, column] = [quoteRelation(change.table), quoteName(change.column)];
  const fallback =
    change.default === undefined
      ? []
      : [statement(`ALTER TABLE ${relation} ALTER COLUMN ${column} SET DEFAULT ${change.default}`)];
  const add = statement(`ALTER TABLE ${relation} ADD COLUMN ${column} ${change.type}`);
  const drop = `ALTER TABLE ${relation} DROP COLUMN IF EXISTS ${column}`;
  const value = change.value ?? change.default;
  if (value === undefined)
    return {
      expand: [add],
      abort: [statement(drop)],
      contract: change.notNull ? notNullSteps(change.table, change.column) : [],
    };
  const fill = { table: change.table, column: change.column, value };
  const verify = [everyRowFilled(fill), ...(change.notNull ? notNullSteps(change.table, change.column) : [])];
  // A default alone fills what is inserted without it; whoever says NULL then means it.
  if (change.value === undefined && !change.notNull)
    return { expand: [add, ...fallback], backfill: fillRows(fill), verify, abort: [statement(drop)] };
  const trigger = fillTrigger({ ...fill, of: change.notNull ? 'all' : 'old' }, planning);
  return {
    expand: [add, ...fallback, ...trigger.make],
    backfill: fillRows(fill),
    verify,
    contract: [statement(...trigger.undo)],
    abort: [statement(...trigger.undo, drop)],
  };
};

export const dropColumn: Planner<ChangeOf<'dropColumn'>> = (change, planning) => {
  const facts = droppableColumn(change.table, change.column, planning);
  const [relation, column] = [quoteRelation(change.table), quoteName(change.column)];
  const drop = `ALTER TABLE ${relation} DROP COLUMN IF EXISTS ${column}`;
  const required = facts.notNull && facts.default === null && !facts.identity && !facts.generated;
  if (change.down !== undefined) {
    // A release that may read null has perhaps written it: only one that says so is filled.
    const of = facts.notNull ? ('all' as const) : ('new' as const);
    const fill = { table: change.table, column: change.column, value: change.down, of };
    const trigger = fillTrigger(fill, planning);
    return {
      expand: trigger.make,
      contract: [statement(...trigger.undo, drop)],
      abort: [statement(...trigger.undo)],
    };
  }
  if (!required) return { contract: [statement(drop)] };
  // The new release inserts without it, and the old one reads null in such rows.
  return {
    expand: [statement(`ALTER TABLE ${relation} ALTER COLUMN ${column} DROP NOT NULL`)],
    contract: [statement(drop)],
    abort: notNullWherePossible(change.table, change.column),
  };
};

/** Rows that came without a value keep the column nullable; nobody is locked out to find that out. */
function notNullWherePossible(table: string, column: string): readonly Step[] {
  const alter = `ALTER TABLE ${quoteRelation(table)}`;
  const check = quoteName(constraintName(table, column, 'present'));
  const [add, validate, set, drop] = notNullLater(table, column);
  const within = (body: string) => `DO $holdfast$ BEGIN ${body} END $holdfast$`;
  const holds = `EXISTS (SELECT FROM pg_constraint WHERE conrelid = ${quoteText(quoteRelation(table))}::regclass AND conname = ${quoteText(constraintName(table, column, 'present'))} AND convalidated)`;
  return [
    statement(`${alter} DROP CONSTRAINT IF EXISTS ${check}`, add ?? ''),
    { ...statement(within(`${validate}; EXCEPTION WHEN check_violation THEN ${drop};`)), long: true },
    statement(within(`IF ${holds} THEN ${set}; ${drop}; END IF;`)),
  ];
}

export const setNotNull: Planner<ChangeOf<'setNotNull'>> = (change, planning) => {
  const facts = knownColumn(change.table, change.column, planning);
  const steps = notNullSteps(change.table, change.column);
  if (change.value === undefined) return { contract: steps };
  const fill = { table: change.table, column: change.column, value: change.value };
  const trigger = fillTrigger({ ...fill, of: 'all' }, planning);
  const alter = `ALTER TABLE ${quoteRelation(change.table)}`;
  const check = quoteName(constraintName(change.table, change.column, 'present'));
  const nullable = facts.notNull ? [] : [`${alter} ALTER COLUMN ${quoteName(change.column)} DROP NOT NULL`];
  return {
    expand: trigger.make,
    backfill: fillRows(fill),
    verify: [everyRowFilled(fill), ...steps],
    contract: [statement(...trigger.undo)],
    abort: [statement(...trigger.undo, `${alter} DROP CONSTRAINT IF EXISTS ${check}`, ...nullable)],
  };
};

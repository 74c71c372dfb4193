import { notNullLater } from '../../lint/not-null-later.ts';
import { type Step, statement } from '../../plan/step.ts';
import { quoteName, quoteRelation } from '../../sql/names.ts';
import type { ChangeOf } from '../changes-yaml.ts';
import { fillRows, fillTrigger } from '../fill.ts';
import { followColumn } from '../follow-column.ts';
import { checkViews, knownColumn, knownTable, movableColumn } from '../known-column.ts';
import { type MirroredColumn, mirrorSteps } from '../mirror.ts';
import type { Planner, Planning } from '../planned-change.ts';

/** Changes that are a second column, kept equal: rename, retype, split, merge. */
export const rename: Planner<ChangeOf<'rename'>> = (change, planning) => {
  if (change.views !== undefined) return renameByViews({ ...change, views: change.views }, planning);
  const column = movableColumn(change.table, change.column, planning);
  return twice(change.table, planning, {
    old: [{ name: change.column, from: quoteName(change.to) }],
    added: [{ name: change.to, from: quoteName(change.column), type: column.type }],
    follow: followColumn(knownTable(change.table, planning), {
      from: change.column,
      to: change.to,
      notNull: column.notNull,
    }),
  });
};

export const retype: Planner<ChangeOf<'retype'>> = (change, planning) => {
  const column = movableColumn(change.table, change.column, planning);
  return twice(change.table, planning, {
    old: [{ name: change.column, from: change.down }],
    added: [{ name: change.to, from: change.up, type: change.type }],
    follow: followColumn(withoutChecks(change.table, planning), {
      from: change.column,
      to: change.to,
      notNull: column.notNull,
    }),
  });
};

/** A CHECK on values of the old type may not even parse for the new one. */
function withoutChecks(table: string, planning: Planning) {
  const facts = knownTable(table, planning);
  return { ...facts, constraints: facts.constraints.filter(({ kind }) => kind !== 'check') };
}

export const split: Planner<ChangeOf<'split'>> = (change, planning) => {
  movableColumn(change.table, change.column, planning);
  const parts = Object.entries(change.into);
  return twice(change.table, planning, {
    old: [{ name: change.column, from: change.down }],
    added: parts.map(([name, { type, up }]) => ({ name, type, from: up })),
    follow: parts.flatMap(([name, { notNull }]) => (notNull ? notNullSteps(change.table, name) : [])),
  });
};

export const merge: Planner<ChangeOf<'merge'>> = (change, planning) => {
  const old = Object.entries(change.columns);
  for (const [name] of old) movableColumn(change.table, name, planning);
  return twice(change.table, planning, {
    old: old.map(([name, from]) => ({ name, from })),
    added: [{ name: change.into, type: change.type, from: change.up }],
    follow: change.notNull ? notNullSteps(change.table, change.into) : [],
  });
};

interface Twice {
  readonly old: readonly MirroredColumn[];
  readonly added: readonly (MirroredColumn & { readonly type: string })[];
  readonly follow: readonly Step[];
}

function twice(table: string, planning: Planning, { old, added, follow }: Twice) {
  const steps = mirrorSteps({ table, old, new: added }, planning);
  const adds = added.map(({ name, type }) => `ADD COLUMN ${quoteName(name)} ${type}`).join(', ');
  return {
    ...steps,
    expand: [statement(`ALTER TABLE ${quoteRelation(table)} ${adds}`), ...steps.expand],
    verify: [...steps.verify, ...follow],
  };
}

export function notNullSteps(table: string, column: string): readonly Step[] {
  return notNullLater(table, column).map((sql) =>
    /VALIDATE/.test(sql) ? { ...statement(sql), long: true } : statement(sql),
  );
}

/** No second column: a schema of views has the new name, and releases choose it by their search path. */
function renameByViews(change: ChangeOf<'rename'> & { readonly views: string }, planning: Planning) {
  checkViews(planning);
  const table = knownTable(change.table, planning);
  knownColumn(change.table, change.column, planning);
  const [schema, relation] = [quoteName(change.views), quoteRelation(change.table)];
  const view = `${schema}.${quoteName(change.table.split('.').at(-1) ?? '')}`;
  const columns = table.columns.map(({ name }) =>
    name === change.column ? `${quoteName(name)} AS ${quoteName(change.to)}` : quoteName(name),
  );
  return {
    expand: [
      statement(
        `CREATE SCHEMA IF NOT EXISTS ${schema}`,
        `CREATE VIEW ${view} WITH (security_invoker = true) AS SELECT ${columns.join(', ')} FROM ${relation}`,
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
    abort: [statement(`DROP VIEW IF EXISTS ${view}`)],
  };
}

export const addColumn: Planner<ChangeOf<'addColumn'>> = (change, planning) => {
  knownTable(change.table, planning);
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
  const trigger = fillTrigger(fill, planning);
  return {
    expand: [add, ...fallback, ...trigger.make],
    backfill: fillRows(fill),
    verify: change.notNull ? notNullSteps(change.table, change.column) : [],
    contract: [statement(...trigger.undo)],
    abort: [statement(...trigger.undo, drop)],
  };
};

export const dropColumn: Planner<ChangeOf<'dropColumn'>> = (change, planning) => {
  const facts = knownColumn(change.table, change.column, planning);
  const [relation, column] = [quoteRelation(change.table), quoteName(change.column)];
  const drop = `ALTER TABLE ${relation} DROP COLUMN IF EXISTS ${column}`;
  const required = facts.notNull && facts.default === null && !facts.identity && !facts.generated;
  if (change.down !== undefined) {
    const trigger = fillTrigger({ table: change.table, column: change.column, value: change.down }, planning);
    return {
      expand: trigger.make,
      contract: [statement(...trigger.undo, drop)],
      abort: [statement(...trigger.undo)],
    };
  }
  if (!required) return { contract: [statement(drop)] };
  // The new release inserts without it; the old one reads null in such rows.
  return {
    expand: [statement(`ALTER TABLE ${relation} ALTER COLUMN ${column} DROP NOT NULL`)],
    contract: [statement(drop)],
  };
};

export const setNotNull: Planner<ChangeOf<'setNotNull'>> = (change, planning) => {
  knownColumn(change.table, change.column, planning);
  const steps = notNullSteps(change.table, change.column);
  if (change.value === undefined) return { contract: steps };
  const fill = { table: change.table, column: change.column, value: change.value };
  const trigger = fillTrigger(fill, planning);
  const nullable = `ALTER TABLE ${quoteRelation(change.table)} ALTER COLUMN ${quoteName(change.column)} DROP NOT NULL`;
  return {
    expand: trigger.make,
    backfill: fillRows(fill),
    verify: steps,
    contract: [statement(...trigger.undo)],
    abort: [statement(...trigger.undo, nullable)],
  };
};

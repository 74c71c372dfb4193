import { type MigrationPlan, type Step, statement } from '../../plan/step.ts';
import { quoteName, quoteRelation } from '../../sql/names.ts';
import type { ChangeOf } from '../changes-yaml.ts';
import { checkViews, knownTable, newConstraint, newIndex, newTable } from '../known-column.ts';
import type { Planner } from '../planned-change.ts';

/** Indexes, constraints and whole tables. */
export const addIndex: Planner<ChangeOf<'addIndex'>> = (change, planning) => {
  knownTable(change.table, planning);
  newIndex(change.table, change.name, planning);
  const columns = change.columns
    .map((column) => (/^[A-Za-z_][\w$]*$/.test(column) ? quoteName(column) : `(${column})`))
    .join(', ');
  const where = change.where === undefined ? '' : ` WHERE ${change.where}`;
  const sql = `CREATE ${change.unique ? 'UNIQUE ' : ''}INDEX CONCURRENTLY ${quoteName(change.name)} ON ${quoteRelation(change.table)} USING ${change.method} (${columns})${where}`;
  return {
    expand: [{ kind: 'index', sql, table: change.table, index: change.name }],
    abort: [
      { kind: 'outside', sql: `DROP INDEX CONCURRENTLY IF EXISTS ${inSchemaOf(change.table, change.name)}` },
    ],
  };
};

/** An index lies in the schema of its table. */
function inSchemaOf(table: string, index: string): string {
  return [...table.split('.').slice(0, -1), index].map(quoteName).join('.');
}

export const dropIndex: Planner<ChangeOf<'dropIndex'>> = ({ name }) => ({
  contract: [{ kind: 'outside', sql: `DROP INDEX CONCURRENTLY IF EXISTS ${quoteRelation(name)}` }],
});

export const addCheck: Planner<ChangeOf<'addCheck'>> = (change, planning) => {
  knownTable(change.table, planning);
  newConstraint(change.table, change.name, planning);
  return constraint(change, `CHECK (${change.check})`);
};

export const addForeignKey: Planner<ChangeOf<'addForeignKey'>> = (change, planning) => {
  knownTable(change.table, planning);
  knownTable(change.references.table, planning);
  newConstraint(change.table, change.name, planning);
  const columns = change.columns.map(quoteName).join(', ');
  const other = `${quoteRelation(change.references.table)} (${change.references.columns.map(quoteName).join(', ')})`;
  return constraint(
    change,
    `FOREIGN KEY (${columns}) REFERENCES ${other} ON DELETE ${change.onDelete.toUpperCase()}`,
  );
};

interface Constrained {
  readonly table: string;
  readonly name: string;
  readonly when: 'expand' | 'contract';
}

/** Added without a look at the rows, and looked at later without a lock against anybody. */
function constraint({ table, name, when }: Constrained, definition: string): Partial<MigrationPlan> {
  const alter = `ALTER TABLE ${quoteRelation(table)}`;
  const add = statement(`${alter} ADD CONSTRAINT ${quoteName(name)} ${definition} NOT VALID`);
  const validate: Step = { ...statement(`${alter} VALIDATE CONSTRAINT ${quoteName(name)}`), long: true };
  if (when === 'contract') return { contract: [add, validate] };
  return {
    expand: [add],
    verify: [validate],
    abort: [statement(`${alter} DROP CONSTRAINT IF EXISTS ${quoteName(name)}`)],
  };
}

export const addUnique: Planner<ChangeOf<'addUnique'>> = (change, planning) => {
  knownTable(change.table, planning);
  newIndex(change.table, change.name, planning);
  newConstraint(change.table, change.name, planning);
  const [relation, name] = [quoteRelation(change.table), quoteName(change.name)];
  const columns = change.columns.map(quoteName).join(', ');
  const steps: readonly Step[] = [
    {
      kind: 'index',
      sql: `CREATE UNIQUE INDEX CONCURRENTLY ${name} ON ${relation} (${columns})`,
      table: change.table,
      index: change.name,
    },
    statement(`ALTER TABLE ${relation} ADD CONSTRAINT ${name} UNIQUE USING INDEX ${name}`),
  ];
  if (change.when === 'contract') return { contract: steps };
  return {
    expand: steps,
    abort: [
      statement(`ALTER TABLE ${relation} DROP CONSTRAINT IF EXISTS ${name}`),
      // Built, and not made a constraint yet.
      { kind: 'outside', sql: `DROP INDEX CONCURRENTLY IF EXISTS ${inSchemaOf(change.table, change.name)}` },
    ],
  };
};

export const dropConstraint: Planner<ChangeOf<'dropConstraint'>> = ({ table, name, when }, planning) => {
  knownTable(table, planning);
  return {
    [when]: [statement(`ALTER TABLE ${quoteRelation(table)} DROP CONSTRAINT IF EXISTS ${quoteName(name)}`)],
  };
};

/** A view has the new name until the old release is gone; PostgreSQL passes writes through it. */
export const renameTable: Planner<ChangeOf<'renameTable'>> = ({ table, to }, planning) => {
  checkViews(planning);
  knownTable(table, planning);
  newTable([...table.split('.').slice(0, -1), to].join('.'), planning);
  const view = [...table.split('.').slice(0, -1), to].map(quoteName).join('.');
  return {
    expand: [
      statement(
        `CREATE VIEW ${view} WITH (security_invoker = true) AS SELECT * FROM ${quoteRelation(table)}`,
        `GRANT SELECT, INSERT, UPDATE, DELETE ON ${view} TO PUBLIC`,
      ),
    ],
    contract: [
      statement(`DROP VIEW ${view}`, `ALTER TABLE ${quoteRelation(table)} RENAME TO ${quoteName(to)}`),
    ],
    abort: [statement(`DROP VIEW IF EXISTS ${view}`)],
  };
};

/** One foreign key a transaction: each locks the table at its other end. */
export const dropTable: Planner<ChangeOf<'dropTable'>> = ({ table }, planning) => {
  const facts = knownTable(table, planning);
  const relation = quoteRelation(table);
  const keys = facts.constraints.filter(({ kind }) => kind === 'foreign');
  return {
    contract: [
      ...keys.map(({ name }) =>
        statement(`ALTER TABLE ${relation} DROP CONSTRAINT IF EXISTS ${quoteName(name)}`),
      ),
      statement(`DROP TABLE IF EXISTS ${relation}`),
    ],
  };
};

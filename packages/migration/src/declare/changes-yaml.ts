import { z } from 'zod';

/**
 * migration.yaml: what changes, not how. One shape for the validator, the reference page and the
 * planner. Expressions are SQL over the columns of the row.
 */
const name = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_$]{0,62}$/, 'expected a name of letters, digits and underscores, at most 63');
const table = z
  .string()
  .regex(/^(?:[A-Za-z_][A-Za-z0-9_$]*\.)?[A-Za-z_][A-Za-z0-9_$]{0,62}$/, 'expected table or schema.table')
  .describe('Table, or schema.table.');
const type = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9_ ]*(?:\(\s*\d+\s*(?:,\s*\d+\s*)?\))?(?:\[\])?$/,
    'expected a type such as text or numeric(10,2)',
  );
const expression = z.string().min(1).describe('SQL over the columns of the row.');
const columns = z.array(name).min(1).max(32);
const leaves = z
  .array(name)
  .optional()
  .describe(
    'Indexes and constraints of the old columns that go with them; each has to be named, or declared to follow.',
  );
const when = z
  .enum(['expand', 'contract'])
  .default('contract')
  .describe('A constraint binds every writer: by default it comes when the old release is gone.');

export const rename = z.strictObject({
  table,
  column: name,
  to: name,
  views: name
    .optional()
    .describe('Name of a schema with views in which the column has its new name; no second column then.'),
});
export const retype = z.strictObject({
  table,
  column: name,
  to: name.describe('The new column; the old one goes in the contract phase.'),
  type,
  up: expression.describe('The new value from the old columns.'),
  down: expression.describe('The old value from the new column.'),
  default: expression.optional().describe('Of the new column, when the old one goes.'),
  leaves,
});
export const split = z.strictObject({
  table,
  column: name,
  into: z.record(name, z.strictObject({ type, up: expression, notNull: z.boolean().default(false) })),
  down: expression.describe('The old value from the new columns.'),
  leaves,
});
export const merge = z.strictObject({
  table,
  columns: z.record(name, expression).describe('Each old column, and its value from the new one.'),
  into: name,
  type,
  up: expression.describe('The new value from the old columns.'),
  notNull: z.boolean().default(false),
  leaves,
});
export const addColumn = z.strictObject({
  table,
  column: name,
  type,
  default: expression.optional().describe('For rows that are inserted without it.'),
  value: expression.optional().describe('Fills rows that are there, and those that the old release writes.'),
  notNull: z.boolean().default(false),
});
export const dropColumn = z.strictObject({
  table,
  column: name,
  down: expression.optional().describe('What the old release reads in rows that the new one writes.'),
});
export const setNotNull = z.strictObject({
  table,
  column: name,
  value: expression
    .optional()
    .describe('In place of null, in rows that are there and in those that come; without it, nulls end it.'),
});
export const addIndex = z.strictObject({
  table,
  columns: z.array(expression).min(1).max(32).describe('Columns or expressions.'),
  name,
  unique: z.boolean().default(false),
  method: z.enum(['btree', 'hash', 'gin', 'gist', 'spgist', 'brin']).default('btree'),
  where: expression.optional(),
});
export const dropIndex = z.strictObject({ name });
export const addCheck = z.strictObject({ table, name, check: expression, when });
export const addForeignKey = z.strictObject({
  table,
  name,
  columns,
  references: z.strictObject({ table, columns }),
  onDelete: z.enum(['no action', 'restrict', 'cascade', 'set null']).default('no action'),
  when,
});
export const addUnique = z.strictObject({ table, name, columns, when });
export const dropConstraint = z.strictObject({
  table,
  name,
  when: z.enum(['expand', 'contract']).default('expand'),
});
export const renameTable = z.strictObject({ table, to: name });
export const dropTable = z.strictObject({ table });

export const CHANGES = {
  rename,
  retype,
  split,
  merge,
  addColumn,
  dropColumn,
  setNotNull,
  addIndex,
  dropIndex,
  addCheck,
  addForeignKey,
  addUnique,
  dropConstraint,
  renameTable,
  dropTable,
} as const;
export type ChangeKind = keyof typeof CHANGES;
export type ChangeOf<Kind extends ChangeKind> = z.output<(typeof CHANGES)[Kind]>;

/** Exactly one key a change. */
const change = z
  .strictObject(
    Object.fromEntries(Object.entries(CHANGES).map(([kind, shape]) => [kind, shape.optional()])) as {
      [Kind in ChangeKind]: z.ZodOptional<(typeof CHANGES)[Kind]>;
    },
  )
  .refine((value) => Object.keys(value).length === 1, {
    error: `expected exactly one of ${Object.keys(CHANGES).join(', ')}`,
  });

export const declaration = z.strictObject({ changes: z.array(change).min(1) });
export type Declaration = z.output<typeof declaration>;

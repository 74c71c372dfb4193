import type { Random } from '../../simulation/random.ts';
import { COLUMN_TYPES } from './column-types.ts';
import { randomColumn } from './random-column.ts';
import type { RandomColumn, RandomTable } from './random-tables.ts';

type Subcommand = (column: RandomColumn, random: Random, table: RandomTable) => string;

/** Those that are likely to be got wrong stand more than once. */
const SUBCOMMANDS: readonly Subcommand[] = [
  addColumn,
  addColumn,
  addColumn,
  changeType,
  changeType,
  changeType,
  changeType,
  ({ name }) => `ALTER COLUMN ${name} SET NOT NULL`,
  ({ name }) => `ALTER COLUMN ${name} SET NOT NULL`,
  ({ name }) => `ALTER COLUMN ${name} DROP NOT NULL`,
  ({ name }) => `ALTER COLUMN ${name} SET DEFAULT NULL`,
  ({ name }) => `ALTER COLUMN ${name} DROP DEFAULT`,
  ({ name }) => `ALTER COLUMN ${name} SET STATISTICS 50`,
  ({ name }) => `ALTER COLUMN ${name} SET (n_distinct = 5)`,
  ({ name }) => `DROP COLUMN ${name}`,
  ({ name }, random) => `ADD CHECK (${name} IS NOT NULL)${random.chance(0.5) ? ' NOT VALID' : ''}`,
  ({ name }, random) => `ADD CONSTRAINT n NOT NULL ${name}${random.chance(0.5) ? ' NOT VALID' : ''}`,
  ({ name }) => `ADD UNIQUE (id, ${name})`,
  (_column, random) => `ADD FOREIGN KEY (id) REFERENCES one (id)${random.chance(0.5) ? ' NOT VALID' : ''}`,
  (column, random, table) => ofConstraint('VALIDATE', column, { random, table }),
  (column, random, table) => ofConstraint('DROP', column, { random, table }),
  (_column, random) =>
    `ALTER COLUMN id TYPE ${random.pick(['bigint', 'int', 'plain_int', 'oid', 'numeric(10)'])}`,
  (_column, random, { name }) =>
    random.pick([
      'SET (fillfactor = 80)',
      'SET (autovacuum_enabled = false)',
      'RESET (fillfactor)',
      'ENABLE ROW LEVEL SECURITY',
      'REPLICA IDENTITY FULL',
      'DISABLE TRIGGER USER',
      'OWNER TO CURRENT_USER',
      `CLUSTER ON ${name}_pkey`,
      'SET WITHOUT CLUSTER',
      'SET UNLOGGED',
    ]),
];

function addColumn({ name }: RandomColumn, random: Random): string {
  return `ADD COLUMN ${name}_fresh ${randomColumn(`${name}_fresh`, random)}`;
}

function ofConstraint(
  verb: 'VALIDATE' | 'DROP',
  column: RandomColumn,
  { random, table }: { readonly random: Random; readonly table: RandomTable },
): string {
  if (table.constraints.length === 0) return addColumn(column, random);
  return `${verb} CONSTRAINT ${random.pick(table.constraints)}`;
}

/** Mostly within the family, where no USING is needed. */
function changeType({ name, family }: RandomColumn, random: Random): string {
  const near = COLUMN_TYPES.filter((other) => other.family === family);
  const { type } = random.pick(random.chance(0.85) ? near : COLUMN_TYPES);
  const kind = random.next();
  const using = kind < 0.6 ? '' : kind < 0.8 ? ` USING ${name}::${type}` : ` USING ${name}::text::${type}`;
  return `ALTER COLUMN ${name} TYPE ${type}${using}`;
}

/** ALTER TABLE with one to three subcommands, on columns of their own. */
export function randomChange(random: Random, table: RandomTable): string {
  const left = [...table.columns];
  const count = Math.min(left.length, random.pick([1, 1, 1, 2, 2, 3]));
  const commands = Array.from({ length: count }, () => {
    const [column] = left.splice(random.between(0, left.length - 1), 1) as [RandomColumn];
    return random.pick(SUBCOMMANDS)(column, random, table);
  });
  return `ALTER TABLE ${table.name} ${[...new Set(commands)].join(', ')}`;
}

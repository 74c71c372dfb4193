import type { Random } from '../../simulation/random.ts';
import { COLUMN_TYPES, type ColumnType, PRELUDE } from './column-types.ts';

export interface RandomColumn extends ColumnType {
  readonly name: string;
}

export interface RandomTable {
  readonly name: string;
  readonly columns: readonly RandomColumn[];
  readonly partitioned: boolean;
  readonly constraints: readonly string[];
}

export interface RandomTables {
  readonly sql: string;
  readonly tables: readonly RandomTable[];
}

const ROWS = 200;

/** Two or three tables: `one`, `two` that may refer to it, and `three`, which is partitioned. */
export function randomTables(random: Random): RandomTables {
  const one = randomTable('one', random, false);
  const two = randomTable('two', random, false);
  const refers = random.chance(0.5);
  const key = 'ALTER TABLE two ADD CONSTRAINT two_one FOREIGN KEY (id) REFERENCES one (id)';
  const foreign = refers ? [`${key}${random.chance(0.3) ? ' NOT VALID' : ''};`] : [];
  const linked = refers ? { ...two.table, constraints: [...two.table.constraints, 'two_one'] } : two.table;
  const third = random.chance(0.25) ? [randomTable('three', random, true)] : [];
  const tables = [one.table, linked, ...third.map(({ table }) => table)];
  const names = tables.map(({ name }) => name).join(', ');
  const sql = [
    PRELUDE,
    one.sql,
    two.sql,
    ...foreign,
    ...third.map((entry) => entry.sql),
    `ANALYZE ${names};`,
  ];
  return { sql: sql.join('\n'), tables };
}

function randomTable(
  name: string,
  random: Random,
  partitioned: boolean,
): { readonly table: RandomTable; readonly sql: string } {
  const columns = Array.from({ length: random.between(2, 5) }, (_, place) => ({
    ...random.pick(COLUMN_TYPES),
    name: `c${place + 1}`,
  }));
  const described = columns.map((column) => describe(column, random));
  const body = `id int PRIMARY KEY, ${described.join(', ')}`;
  const extras = columns.map((column) => extra(name, column, random));
  const sql = [
    `CREATE TABLE ${name} (${body})${partitioned ? ' PARTITION BY RANGE (id)' : ''};`,
    ...(partitioned ? partitionsOf(name, random) : []),
    `INSERT INTO ${name} SELECT g, ${columns.map(({ value }) => value).join(', ')} FROM generate_series(1, ${ROWS}) g;`,
    ...extras.map((entry) => entry.sql).filter((text) => text !== ''),
  ];
  const constraints = extras.flatMap(({ constraint }) => constraint ?? []);
  return { table: { name, columns, partitioned, constraints }, sql: sql.join('\n') };
}

function describe({ name, type }: RandomColumn, random: Random): string {
  return `${name} ${type}${random.chance(0.25) ? ' NOT NULL' : ''}`;
}

function partitionsOf(name: string, random: Random): readonly string[] {
  const middle = random.between(50, 150);
  const rest = random.chance(0.5) ? 'DEFAULT' : `FOR VALUES FROM (${middle}) TO (1000)`;
  return [
    `CREATE TABLE ${name}_low PARTITION OF ${name} FOR VALUES FROM (0) TO (${middle});`,
    `CREATE TABLE ${name}_rest PARTITION OF ${name} ${rest};`,
  ];
}

/** At most one thing that hangs on a column: an index of some kind, or a constraint. */
function extra(
  table: string,
  { name, ordered }: RandomColumn,
  random: Random,
): { readonly sql: string; readonly constraint?: string } {
  const constraint = `${table}_${name}_k`;
  const add = `ALTER TABLE ${table} ADD CONSTRAINT ${constraint} CHECK`;
  const choices = [
    { sql: `${add} (${name} IS NOT NULL);`, constraint },
    { sql: `${add} (${name} IS NOT NULL) NOT VALID;`, constraint },
    { sql: `${add} (${name} IS NOT NULL OR id > 0);`, constraint },
    { sql: `CREATE INDEX ON ${table} (id) WHERE ${name} IS NOT NULL;` },
    ...(ordered
      ? [
          { sql: `CREATE INDEX ON ${table} (${name});` },
          { sql: `CREATE INDEX ON ${table} (${name}, id);` },
          { sql: `CREATE INDEX ON ${table} (coalesce(${name}, NULL));` },
        ]
      : []),
  ];
  return random.chance(0.4) ? random.pick(choices) : { sql: '' };
}

import type { Entry } from '../case.ts';

const change = (column: string, type: string) => `ALTER TABLE t ALTER COLUMN ${column} TYPE ${type}`;
const BERLIN = "SET TimeZone = 'Europe/Berlin'";

/** Where an index, a constraint, the session or another table has its say. */
export const CHANGE_TYPE_IN_CONTEXT: readonly Entry[] = [
  { statement: change('ts', 'timestamptz'), setup: BERLIN, title: 'timestamp to timestamptz in Berlin' },
  { statement: change('tz', 'timestamp'), setup: BERLIN, title: 'timestamptz to timestamp in Berlin' },
  {
    statement: change('ts', 'timestamptz'),
    setup: 'CREATE INDEX ON t (ts)',
    title: 'indexed timestamp to timestamptz',
  },
  { statement: change('v', 'text'), setup: 'CREATE INDEX ON t (v)', title: 'indexed varchar to text' },
  { statement: change('v', 'varchar(40)'), setup: 'CREATE INDEX ON t (v)', title: 'indexed varchar grows' },
  {
    statement: change('v', 'varchar(40)'),
    setup: 'CREATE INDEX ON t (lower(v))',
    title: 'varchar of an expression index grows',
  },
  {
    statement: change('v', 'varchar(40)'),
    setup: "CREATE INDEX ON t (id) WHERE v = 'x'",
    title: 'varchar of a partial index grows',
  },
  { statement: change('v', 'citext'), setup: 'CREATE INDEX ON t (v)', title: 'indexed varchar to citext' },
  { statement: change('v', 'citext'), title: 'varchar to citext' },
  { statement: change('b', 'citext'), setup: 'CREATE INDEX ON t (b)', title: 'indexed text to citext' },
  {
    statement: change('b', 'text COLLATE "C"'),
    setup: 'CREATE INDEX ON t (b)',
    title: 'indexed text to another collation',
  },
  { statement: change('net', 'inet'), setup: 'CREATE INDEX ON t (net)', title: 'indexed cidr to inet' },
  { statement: change('n', 'numeric(12,2)'), setup: 'CREATE INDEX ON t (n)', title: 'indexed numeric grows' },
  {
    statement: change('v', 'varchar(40)'),
    setup: "ALTER TABLE t ADD CHECK (v <> 'x')",
    title: 'checked varchar grows',
  },
  {
    statement: change('v', 'text'),
    setup: "ALTER TABLE t ADD CHECK (v <> 'x')",
    title: 'checked varchar to text',
  },
  {
    statement: change('v', 'text'),
    setup: "ALTER TABLE t ADD CHECK (v <> 'x') NOT VALID",
    title: 'varchar of a CHECK that is not valid to text',
  },
  { statement: change('v', 'text'), setup: 'ALTER TABLE t ADD UNIQUE (v)', title: 'unique varchar to text' },
  { statement: change('a', 'bigint'), setup: 'CREATE INDEX ON t (a)', title: 'indexed int to bigint' },
  {
    statement: change('v', 'text'),
    setup: 'CREATE STATISTICS st ON v, b FROM t',
    title: 'varchar with statistics to text',
  },
  {
    statement: change('v', 'text'),
    setup: "ALTER TABLE t ALTER v SET DEFAULT 'x'",
    title: 'varchar with a default to text',
  },
  {
    statement: 'ALTER TABLE parent ALTER COLUMN id TYPE bigint',
    setup: 'DROP VIEW seen',
    title: 'type of a referenced column',
  },
  { statement: 'ALTER TABLE child ALTER COLUMN parent_id TYPE bigint', title: 'type of a referring column' },
  { statement: 'ALTER TABLE child ALTER COLUMN loose TYPE bigint' },
  { statement: 'ALTER TABLE part ALTER COLUMN note TYPE varchar(50)' },
  { statement: 'ALTER TABLE part ALTER COLUMN id TYPE bigint' },
  { statement: `${change('v', 'varchar(40)')}, ALTER COLUMN a TYPE bigint` },
  { statement: `${change('v', 'varchar(40)')}, ADD COLUMN c int DEFAULT 3` },
  { statement: 'ALTER TYPE pair ALTER ATTRIBUTE a TYPE bigint' },
  { statement: 'ALTER TYPE pair ADD ATTRIBUTE c text' },
  {
    statement: 'ALTER TYPE row_type ADD ATTRIBUTE c text CASCADE',
    setup: 'CREATE TYPE row_type AS (a int); CREATE TABLE typed OF row_type; INSERT INTO typed VALUES (1)',
  },
];

/** A type that a generated column has, and a value of it for row `g`. */
export interface ColumnType {
  readonly type: string;
  readonly value: string;
  /** Types of one family are cast to each other without being told. */
  readonly family: 'number' | 'text' | 'moment' | 'network' | 'bits' | 'document' | 'list' | 'other';
  /** It has an order, so that an index and a unique constraint can be made. */
  readonly ordered: boolean;
}

const of = (
  family: ColumnType['family'],
  value: string,
  types: readonly string[],
  ordered = true,
): readonly ColumnType[] => types.map((type) => ({ type, value: `${value}::${type}`, family, ordered }));

export const COLUMN_TYPES: readonly ColumnType[] = [
  ...of('number', 'g', [
    'int',
    'bigint',
    'smallint',
    'real',
    'double precision',
    'money',
    'plain_int',
    'checked_int',
  ]),
  ...of('number', 'g', ['numeric', 'numeric(10)', 'numeric(10,2)', 'numeric(14,2)', 'numeric(14,4)']),
  ...of('number', 'g::text', ['oid']),
  ...of('text', "('v' || g)", [
    'text',
    'varchar',
    'varchar(10)',
    'varchar(30)',
    'char(8)',
    'char(12)',
    'name',
  ]),
  ...of('text', "('v' || g)", ['citext', 'plain_text', 'short_text', 'plain_varchar']),
  ...of('moment', "('2024-01-01'::timestamp + g * '1 day'::interval)", ['date', 'timestamp', 'timestamp(0)']),
  ...of('moment', "('2024-01-01'::timestamptz + g * '1 day'::interval)", ['timestamptz', 'timestamptz(3)']),
  ...of('other', "(g * '1 second'::interval)", ['time', 'time(3)', 'interval', 'interval(2)']),
  ...of('network', "('10.0.' || g % 200 || '.0/24')", ['cidr', 'inet']),
  ...of('bits', 'g::bit(8)', ['bit(8)', 'varbit', 'varbit(8)', 'varbit(16)']),
  ...of('document', `('{"n":' || g || '}')`, ['json'], false),
  ...of('document', `('{"n":' || g || '}')`, ['jsonb']),
  ...of('list', "ARRAY['1']", ['int[]', 'bigint[]', 'text[]', 'varchar(10)[]', 'varchar(20)[]', 'varchar[]']),
  ...of('other', 'gen_random_uuid()', ['uuid']),
  ...of('other', '(g % 2 = 0)', ['boolean']),
  ...of('other', "'glad'", ['mood']),
  ...of('other', "'a'", ['bytea']),
];

/** What the types and defaults above and below need. */
export const PRELUDE = `CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN plain_int AS int;
CREATE DOMAIN checked_int AS int CHECK (VALUE >= 0);
CREATE DOMAIN plain_text AS text;
CREATE DOMAIN plain_varchar AS varchar(20);
CREATE DOMAIN short_text AS text CHECK (length(VALUE) < 1000);
CREATE FUNCTION f_volatile() RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN 1; END';
CREATE FUNCTION f_stable() RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1; END';
CREATE FUNCTION f_immutable() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END';`;

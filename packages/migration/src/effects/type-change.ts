/**
 * Changes of a column's type that PostgreSQL makes in the catalog alone. Types are written as
 * format_type writes them. Measured on 15 and 18 (tests/lock-oracle).
 */
export function isFreeTypeChange(from: string, to: string, { utc }: { readonly utc: boolean }): boolean {
  const [old, wanted] = [parse(from), parse(to)];
  if (old.array !== wanted.array) return false;
  if (old.array)
    return (
      old.name === wanted.name &&
      (wanted.modifiers.length === 0 || old.modifiers.join() === wanted.modifiers.join())
    );
  if (old.name === wanted.name) return grows(old, wanted);
  if (CHARACTER.has(old.name) && CHARACTER.has(wanted.name)) return wanted.modifiers.length === 0;
  if (TIMESTAMPS.has(old.name) && TIMESTAMPS.has(wanted.name)) return utc && grows(old, wanted);
  return FREE_PAIRS.has(`${old.name} ${wanted.name}`);
}

const INTEGERS = ['smallint', 'integer', 'bigint', 'numeric'];
const FLOATS = ['real', 'double precision'];
const SHORT_NAMES: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int4: 'integer',
  int: 'integer',
  int8: 'bigint',
  decimal: 'numeric',
  float4: 'real',
  float8: 'double precision',
};

/** Every value that was there, and every one that a writer of the old type sends, stays what it was. */
export function holdsAll(from: string, to: string): boolean {
  const [old, wanted] = [parse(from), parse(to)];
  if (old.array !== wanted.array) return false;
  const [a, b] = [SHORT_NAMES[old.name] ?? old.name, SHORT_NAMES[wanted.name] ?? wanted.name];
  if (a === b) return grows({ ...old, name: a }, { ...wanted, name: b });
  if (wanted.modifiers.length > 0) return false;
  if (CHARACTER.has(a) && (b === 'text' || b === 'character varying')) return a !== 'citext';
  const widens = (order: readonly string[]) => order.includes(a) && order.indexOf(a) < order.indexOf(b);
  return widens(INTEGERS) || widens(FLOATS);
}

/** Indexes and foreign keys on the column stay as they are: values compare as before. */
export function keepsOrder(from: string, to: string): boolean {
  const [old, wanted] = [parse(from), parse(to)];
  const plain = new Set(['character varying', 'text', 'cidr', 'inet']);
  return old.name === wanted.name || (plain.has(old.name) && plain.has(wanted.name));
}

interface ParsedType {
  readonly name: string;
  readonly modifiers: readonly number[];
  readonly array: boolean;
}

const LONG_NAMES: Readonly<Record<string, string>> = {
  varchar: 'character varying',
  char: 'character',
  timestamptz: 'timestamp with time zone',
  timestamp: 'timestamp without time zone',
  timetz: 'time with time zone',
  time: 'time without time zone',
  varbit: 'bit varying',
};
const CHARACTER = new Set(['character varying', 'text', 'citext']);
const TIMESTAMPS = new Set(['timestamp with time zone', 'timestamp without time zone']);
/** Casts that pg_cast calls binary, among those that people use in tables. */
const FREE_PAIRS = new Set([
  'bit bit varying',
  'cidr inet',
  'integer oid',
  'oid integer',
  'xml text',
  'xml character varying',
]);
/** Kept in a column of their own length: a longer one is another content. */
const PADDED = new Set(['character', 'bit']);
const MOST_PRECISION = 6;

function parse(type: string): ParsedType {
  const array = type.endsWith('[]');
  const found = /^(.*?)\s*\(([\d,\s]*)\)\s*(.*)$/.exec(array ? type.slice(0, -2) : type);
  const written = (found ? `${found[1]} ${found[3]}` : array ? type.slice(0, -2) : type).trim().toLowerCase();
  return {
    name: LONG_NAMES[written] ?? written,
    modifiers: (found?.[2] ?? '').split(',').filter(Boolean).map(Number),
    array,
  };
}

/** The same kind of value with at least as much room. */
function grows(old: ParsedType, wanted: ParsedType): boolean {
  if (PADDED.has(old.name)) return old.modifiers.join() === wanted.modifiers.join();
  if (wanted.modifiers.length === 0) return true;
  const [length = Number.POSITIVE_INFINITY, scale = 0] = wanted.modifiers;
  if (old.name === 'numeric')
    return old.modifiers.length > 0 && (old.modifiers[0] ?? 0) <= length && (old.modifiers[1] ?? 0) === scale;
  const whole =
    old.name.startsWith('time') || old.name.startsWith('interval')
      ? MOST_PRECISION
      : Number.POSITIVE_INFINITY;
  return (old.modifiers[0] ?? whole) <= length;
}

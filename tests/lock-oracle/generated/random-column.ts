import type { Random } from '../../simulation/random.ts';
import { COLUMN_TYPES } from './column-types.ts';

/** By a type that takes it: what a new column may be filled with. */
const DEFAULTS: readonly (readonly [string, readonly string[]])[] = [
  [
    'int',
    ['7', '1 + 1', 'f_volatile()', 'f_stable()', 'f_immutable()', 'f_immutable() + f_volatile()', 'NULL'],
  ],
  ['bigint', ['7', 'length(current_user)', '(random() * 5)::bigint', 'txid_current()', 'pg_backend_pid()']],
  ['double precision', ['0.5', 'random()', 'pi()', 'sqrt(2)', 'abs(random())', 'extract(epoch FROM now())']],
  ['timestamptz', ['now()', 'clock_timestamp()', 'statement_timestamp()', 'CURRENT_TIMESTAMP', "'now'"]],
  ['timestamptz', ["now() + '1 day'", "date_trunc('day', now())", "date_trunc('day', clock_timestamp())"]],
  ['date', ['CURRENT_DATE', "'2024-01-01'", 'now()::date', 'clock_timestamp()::date']],
  ['uuid', ['gen_random_uuid()', "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'"]],
  ['text', ["'x'", "lower('X')", 'gen_random_uuid()::text', 'timeofday()', 'version()', 'CURRENT_USER']],
  ['text', ["md5('x')", 'md5(random()::text)', "to_char(now(), 'YYYY')", "current_setting('TimeZone')"]],
  ['varchar(20)', ["'x'", "coalesce(NULL, 'x')", "concat('a', 1)", "format('%s', 1)"]],
  ['jsonb', ["'{}'", "jsonb_build_object('a', 1)", 'to_jsonb(now())', 'to_jsonb(random())']],
  ['text[]', ["'{}'", "ARRAY['a']", "string_to_array('a,b', ',')"]],
  ['numeric(8,2)', ['1', 'round(1.5, 1)', 'round(random()::numeric, 2)']],
  ['boolean', ['true', 'random() > 0.5', "now() > '2020-01-01'"]],
  ['plain_int', ['3', 'f_stable()']],
  ['checked_int', ['3', 'f_stable()']],
  ['short_text', ["'x'"]],
  ['mood', ["'sad'"]],
];

const ODD: readonly string[] = [
  'serial',
  'bigserial',
  'int GENERATED ALWAYS AS IDENTITY',
  'int GENERATED ALWAYS AS (id * 2) STORED',
  'int CHECK (NAME > 0)',
  'int DEFAULT 3 CHECK (NAME > 0)',
  'int UNIQUE',
  'int DEFAULT 1 REFERENCES one (id)',
  'int REFERENCES one (id)',
];

/** The definition of a new column, without its name. */
export function randomColumn(name: string, random: Random): string {
  const kind = random.next();
  if (kind < 0.2) return random.pick(ODD).replace('NAME', name);
  if (kind < 0.35) return random.pick(COLUMN_TYPES).type;
  const [type, values] = random.pick(DEFAULTS);
  return `${type} DEFAULT ${random.pick(values)}${random.chance(0.3) ? ' NOT NULL' : ''}`;
}

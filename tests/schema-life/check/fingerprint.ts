import pg from 'pg';
import { until } from '../../chaos/until.ts';

/** Everything that stands in the user's schema, a line each, so that what is left behind has a name. */
const LOOK = `
SELECT 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
    || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') AS line
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL SELECT 'constraint ' || k.conname || ' of ' || k.conrelid::regclass || ' ' || pg_get_constraintdef(k.oid)
  FROM pg_constraint k WHERE k.connamespace = 'public'::regnamespace AND k.contype <> 'n'
UNION ALL SELECT 'index ' || pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace
UNION ALL SELECT 'trigger ' || tgname || ' on ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'view ' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'v' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL SELECT 'function ' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname IN ('public', 'holdfast')`;

export async function fingerprint(url: string): Promise<readonly string[]> {
  const rows = await until('the schema', () => read(url), { limitMs: 30_000 });
  return rows.map(({ line }) => line);
}

/** Nothing differs from before, but that a column may be nullable now. */
export function leftBehind(
  was: readonly string[],
  is: readonly string[],
  nullable: string | undefined,
): readonly string[] {
  const same = (line: string) => (line === `column ${nullable} not null` ? `column ${nullable}` : line);
  const [before, after] = [was.map(same), is.map(same)];
  return [
    ...after.filter((line) => !before.includes(line)).map((line) => `abort left ${line}`),
    ...before.filter((line) => !after.includes(line)).map((line) => `abort took away ${line}`),
  ];
}

/** Scaffolding that a finished change has no use for. */
export function scaffolding(after: readonly string[]): readonly string[] {
  return after
    .filter((line) => /^trigger zz_holdfast_|^function keep_| INVALID$| NOT VALID$/.test(line))
    .map((line) => `done, and still there: ${line}`);
}

async function read(url: string): Promise<readonly { readonly line: string }[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  return (await client.query<{ line: string }>(LOOK).finally(() => client.end().catch(() => {}))).rows;
}

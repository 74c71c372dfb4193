import type { Catalog, TableFacts } from './catalog.ts';

/** Whatever answers a query: a client of pg, or one of its transactions. */
export interface Sql {
  query<Row>(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ readonly rows: Row[]; readonly rowCount: number | null }>;
}

interface CatalogRow {
  readonly version: number;
  readonly zone: string;
  readonly tables: readonly (TableFacts & { readonly names: readonly string[] })[] | null;
  readonly indexes: Record<string, string> | null;
  readonly functions: Record<string, 'immutable' | 'stable' | 'volatile'> | null;
  readonly domains: Record<string, boolean> | null;
  readonly baseTypes: Record<string, string> | null;
}

/** One look at the live catalog. Reads system tables only; takes no lock on a user's table. */
export async function readCatalog(sql: Sql): Promise<Catalog> {
  const found = await sql.query<CatalogRow>(LOOK);
  const row = found.rows[0] as CatalogRow;
  const tables = new Map(
    (row.tables ?? []).flatMap((table) => table.names.map((name) => [name, table] as const)),
  );
  return {
    serverVersion: Math.floor(row.version / 10_000),
    serverVersionNumber: row.version,
    utc: /^(?:UTC|Etc\/UTC|GMT|Zulu|Etc\/GMT)$/i.test(row.zone),
    live: true,
    table: (name) => tables.get(name) ?? null,
    referencing: (name) => {
      const own = tables.get(name)?.name;
      return (row.tables ?? []).flatMap((table) =>
        table.constraints
          .filter(({ references }) => own !== undefined && references === own)
          .map((constraint) => ({
            table: table.name,
            name: constraint.name,
            referencedColumns: constraint.referencedColumns,
            validated: constraint.validated,
          })),
      );
    },
    indexTable: (name) => row.indexes?.[name] ?? null,
    volatility: (name) => row.functions?.[name] ?? null,
    isConstrainedDomain: (name) => row.domains?.[name] ?? null,
    baseType: (name) => row.baseTypes?.[name] ?? null,
  };
}

/** The size of a partitioned table is that of its partitions. A table answers to its name with its schema, and without it where the search path finds it. */
const LOOK = `
WITH relation AS (
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples, pg_table_is_visible(c.oid) AS visible
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'holdfast') AND n.nspname NOT LIKE 'pg\\_%'
), named AS (
  SELECT oid, CASE WHEN visible THEN ARRAY[relname::text, nspname || '.' || relname] ELSE ARRAY[nspname || '.' || relname] END AS names,
    CASE WHEN visible THEN relname::text ELSE nspname || '.' || relname END AS name, relkind, reltuples FROM relation
)
SELECT current_setting('server_version_num')::int AS version, current_setting('TimeZone') AS zone,
  (SELECT json_agg(json_build_object(
     'name', t.name, 'names', t.names,
     'kind', CASE t.relkind WHEN 'p' THEN 'partitioned' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materializedView' ELSE 'table' END,
     'rows', size.rows, 'bytes', size.bytes, 'writes', size.writes, 'reads', size.reads,
     'columns', (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull,
         'default', pg_get_expr(d.adbin, d.adrelid), 'generated', a.attgenerated <> '', 'virtual', a.attgenerated = 'v', 'identity', a.attidentity <> '',
         'collation', (SELECT quote_ident(n.nspname) || '.' || quote_ident(o.collname) FROM pg_collation o JOIN pg_namespace n ON n.oid = o.collnamespace JOIN pg_type y ON y.oid = a.atttypid
           WHERE o.oid = a.attcollation AND a.attcollation <> y.typcollation),
         'readers', (SELECT coalesce(json_agg(DISTINCT name), '[]') FROM (
           SELECT v.relname::text AS name FROM pg_depend p JOIN pg_rewrite r ON p.classid = 'pg_rewrite'::regclass AND r.oid = p.objid JOIN pg_class v ON v.oid = r.ev_class
             WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = t.oid AND p.refobjsubid = a.attnum AND v.oid <> t.oid
           UNION SELECT g.attname::text FROM pg_depend p JOIN pg_attrdef e ON p.classid = 'pg_attrdef'::regclass AND e.oid = p.objid JOIN pg_attribute g ON g.attrelid = e.adrelid AND g.attnum = e.adnum
             WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = t.oid AND p.refobjsubid = a.attnum AND g.attgenerated <> ''
           UNION SELECT 'the replica identity ' || i.indexrelid::regclass FROM pg_index i WHERE i.indrelid = t.oid AND i.indisreplident AND a.attnum = ANY (i.indkey::int[])
           UNION SELECT CASE p.classid WHEN 'pg_policy'::regclass THEN 'the policy ' || (SELECT polname FROM pg_policy WHERE oid = p.objid)
               WHEN 'pg_trigger'::regclass THEN 'the trigger ' || (SELECT tgname FROM pg_trigger WHERE oid = p.objid AND tgname NOT LIKE 'zz\\_holdfast\\_%')
               WHEN 'pg_proc'::regclass THEN 'the function ' || (SELECT proname FROM pg_proc WHERE oid = p.objid)
               WHEN 'pg_publication_rel'::regclass THEN 'the publication ' || (SELECT pubname FROM pg_publication_rel l JOIN pg_publication b ON b.oid = l.prpubid WHERE l.oid = p.objid) END
             FROM pg_depend p WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = t.oid AND p.refobjsubid = a.attnum AND p.deptype = 'n') readers WHERE name IS NOT NULL),
         'grants', (SELECT coalesce(json_agg(json_build_object('privilege', x.privilege_type, 'role', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END)), '[]')
           FROM aclexplode(a.attacl) x),
         'sequence', CASE WHEN a.attidentity = '' AND d.adbin IS NOT NULL AND t.relkind IN ('r', 'p') THEN pg_get_serial_sequence(t.oid::regclass::text, a.attname) END,
         'kept', EXISTS (SELECT FROM pg_trigger k JOIN pg_proc f ON f.oid = k.tgfoid WHERE k.tgrelid = t.oid AND k.tgname LIKE 'zz\\_holdfast\\_%' AND f.prosrc ~ ('\\mNEW\\."?' || a.attname || '\\M'))) ORDER BY a.attnum), '[]')
       FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped),
     'constraints', (SELECT coalesce(json_agg(json_build_object('name', k.conname, 'kind', CASE k.contype WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign' WHEN 'p' THEN 'primary'
         WHEN 'u' THEN 'unique' WHEN 'x' THEN 'exclusion' WHEN 'n' THEN 'notNull' ELSE 'trigger' END, 'validated', k.convalidated, 'definition', pg_get_constraintdef(k.oid),
         'columns', (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)),
         'referencedColumns', (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_attribute a WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)),
         'references', (SELECT r.name FROM named r WHERE r.oid = k.confrelid))), '[]')
       FROM pg_constraint k WHERE k.conrelid = t.oid),
     'indexes', (SELECT coalesce(json_agg(json_build_object('name', ic.relname, 'unique', i.indisunique, 'primary', i.indisprimary, 'valid', i.indisvalid, 'partial', i.indpred IS NOT NULL, 'definition', pg_get_indexdef(i.indexrelid),
         'columns', (SELECT coalesce(json_agg(a.attname ORDER BY p.place), '[]') FROM unnest(i.indkey::int[]) WITH ORDINALITY p (number, place)
           JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = p.number WHERE p.place <= i.indnkeyatts))), '[]')
       FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid WHERE i.indrelid = t.oid),
     'partitions', (SELECT coalesce(json_agg(r.name), '[]') FROM pg_inherits h JOIN named r ON r.oid = h.inhrelid WHERE h.inhparent = t.oid),
     'partitionKey', CASE WHEN t.relkind = 'p' THEN pg_get_partkeydef(t.oid) END,
     'parents', (SELECT coalesce(json_agg(r.name), '[]') FROM pg_inherits h JOIN named r ON r.oid = h.inhparent WHERE h.inhrelid = t.oid),
     'beforeTriggers', EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = t.oid AND NOT g.tgisinternal AND g.tgtype::int & 3 = 3 AND g.tgname NOT LIKE 'zz\\_holdfast\\_%'),
     'defaultPartition', (SELECT r.name FROM pg_partitioned_table p JOIN named r ON r.oid = p.partdefid WHERE p.partrelid = t.oid)))
   FROM named t CROSS JOIN LATERAL (
     SELECT coalesce(sum(greatest(c.reltuples, s.n_live_tup, 0)), 0) AS rows, coalesce(sum(pg_table_size(c.oid)), 0) AS bytes,
       coalesce(sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0) AS writes, coalesce(sum(coalesce(s.seq_scan, 0) + coalesce(s.idx_scan, 0)), 0) AS reads
     FROM (SELECT t.oid AS part WHERE t.relkind IN ('r', 'm') UNION ALL SELECT relid FROM pg_partition_tree(t.oid) WHERE t.relkind = 'p' AND isleaf) AS parts
       JOIN pg_class c ON c.oid = part LEFT JOIN pg_stat_all_tables s ON s.relid = part) AS size) AS tables,
  (SELECT json_object_agg(key, name) FROM (
     SELECT CASE WHEN spelled = 1 THEN ic.relname::text ELSE n.nspname || '.' || ic.relname END AS key, t.name
     FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_namespace n ON n.oid = ic.relnamespace JOIN named t ON t.oid = i.indrelid
       CROSS JOIN (VALUES (1), (2)) spelling (spelled) WHERE spelled = 2 OR pg_table_is_visible(ic.oid)) k) AS indexes,
  (SELECT json_object_agg(proname, volatile) FROM (
     SELECT p.proname, CASE min(CASE p.provolatile WHEN 'v' THEN 0 WHEN 's' THEN 1 ELSE 2 END) WHEN 0 THEN 'volatile' WHEN 1 THEN 'stable' ELSE 'immutable' END AS volatile
     FROM pg_proc p GROUP BY p.proname) f) AS functions,
  (SELECT json_object_agg(typname, checked) FROM (
     WITH RECURSIVE base AS (
       SELECT oid AS domain, typname, oid AS at, typbasetype, typnotnull FROM pg_type WHERE typtype = 'd'
       UNION ALL SELECT b.domain, b.typname, t.oid, t.typbasetype, t.typnotnull FROM base b JOIN pg_type t ON t.oid = b.typbasetype AND t.typtype = 'd')
     SELECT typname, bool_or(typnotnull OR EXISTS (SELECT FROM pg_constraint k WHERE k.contypid = base.at)) AS checked FROM base GROUP BY typname) d) AS domains,
  (SELECT json_object_agg(typname, format_type(typbasetype, typtypmod)) FROM pg_type WHERE typtype = 'd') AS "baseTypes"`;

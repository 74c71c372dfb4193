/**
 * What the linter may know of the database: its version, and of each table what decides whether a
 * statement is quick. `null` for a table means that nobody has looked, or that there is none.
 */
export interface Catalog {
  /** Major version, such as 15. */
  readonly serverVersion: number;
  /** 14.2 has 140002. */
  readonly serverVersionNumber: number;
  /** Conversion between timestamp and timestamptz is free where the session's zone is UTC. */
  readonly utc: boolean;
  readonly live: boolean;
  table(name: string): TableFacts | null;
  /** Foreign keys of other tables (or its own) that point at this one. */
  referencing(name: string): readonly ReferringKey[];
  /** The table that an index belongs to. */
  indexTable(name: string): string | null;
  /** Of a function of the user's own; null: unknown. */
  volatility(name: string): 'immutable' | 'stable' | 'volatile' | null;
  /** A domain whose values are checked. */
  isConstrainedDomain(name: string): boolean | null;
  /** What a domain is made of; null: it is no domain, or nobody has looked. */
  baseType(name: string): string | null;
}

export interface ReferringKey {
  readonly table: string;
  readonly name: string;
  readonly referencedColumns: readonly string[];
  readonly validated: boolean;
}

export interface TableFacts {
  readonly name: string;
  readonly kind: 'table' | 'partitioned' | 'view' | 'materializedView';
  readonly rows: number;
  readonly bytes: number;
  /** Written rows and reads since the statistics were reset; how busy it is. */
  readonly writes: number;
  readonly reads: number;
  readonly columns: readonly ColumnFacts[];
  readonly constraints: readonly ConstraintFacts[];
  readonly indexes: readonly IndexFacts[];
  readonly defaultPartition: string | null;
  /** As pg_get_partkeydef prints it; null: it is not partitioned. */
  readonly partitionKey: string | null;
  /** Its partitions, or tables that inherit from it: one level. */
  readonly partitions: readonly string[];
  /** What it is a partition of, or inherits from. */
  readonly parents: readonly string[];
  /** Triggers of the user's own that may change a row before it is written. */
  readonly beforeTriggers: boolean;
}

export interface ColumnFacts {
  readonly name: string;
  /** As format_type prints it. */
  readonly type: string;
  readonly notNull: boolean;
  readonly default: string | null;
  readonly generated: boolean;
  /** Generated when it is read. */
  readonly virtual: boolean;
  readonly identity: boolean;
  /** Where it is not that of its type. */
  readonly collation: string | null;
  /** The sequence that goes with it (serial), as it is written in SQL; null: none. */
  readonly sequence: string | null;
  /** Views and generated columns that read it, and what else PostgreSQL keeps it for: policies, triggers, publications, functions. */
  readonly readers: readonly string[];
  /** Rights on this column alone, such as `SELECT` for `reports`, as they are written in SQL. */
  readonly grants?: readonly { readonly privilege: string; readonly role: string }[];
  /** A change that is not contracted yet keeps it equal to another one. */
  readonly kept: boolean;
}

export interface ConstraintFacts {
  readonly name: string;
  readonly kind: 'check' | 'foreign' | 'primary' | 'unique' | 'exclusion' | 'notNull' | 'trigger';
  readonly columns: readonly string[];
  readonly validated: boolean;
  /** As pg_get_constraintdef prints it. */
  readonly definition: string;
  /** For a foreign key: the other table, and its columns there. */
  readonly references: string | null;
  readonly referencedColumns: readonly string[];
}

export interface IndexFacts {
  readonly name: string;
  readonly columns: readonly string[];
  readonly unique: boolean;
  readonly primary: boolean;
  readonly valid: boolean;
  readonly partial: boolean;
  /** As pg_get_indexdef prints it. */
  readonly definition: string;
}

/** For files on their own: nothing is known, and the worst is assumed. */
export function unknownCatalog(serverVersion = 14): Catalog {
  return {
    serverVersion,
    serverVersionNumber: serverVersion * 10_000,
    utc: false,
    live: false,
    table: () => null,
    referencing: () => [],
    indexTable: () => null,
    volatility: () => null,
    isConstrainedDomain: () => null,
    baseType: () => null,
  };
}

export function columnOf(table: TableFacts | null, name: string | undefined): ColumnFacts | null {
  return table?.columns.find((column) => column.name === name) ?? null;
}

/**
 * What the executor does, one after the other. Each is done once: its mark in the ledger commits with
 * it, or, where PostgreSQL allows no transaction, it is such that doing it again changes nothing.
 */
export type Step = StatementStep | IndexStep | OutsideStep | BackfillStep | CompareStep;

/** Short statements in one transaction. */
export interface StatementStep {
  readonly kind: 'statement';
  readonly sql: readonly string[];
  /** It reads the whole table under a weak lock and may take its time. */
  readonly long?: boolean;
}

/** CREATE INDEX CONCURRENTLY; what a failed try has left is dropped first. */
export interface IndexStep {
  readonly kind: 'index';
  readonly sql: string;
  readonly table: string;
  readonly index: string;
}

/** Anything else that runs outside a transaction. */
export interface OutsideStep {
  readonly kind: 'outside';
  readonly sql: string;
  readonly leaves?: Leftover;
}

/**
 * What PostgreSQL leaves of a try that failed or was killed. Names as a catalog knows them: a REINDEX CONCURRENTLY leaves
 * invalid indexes, a DETACH PARTITION CONCURRENTLY a partition that is neither in nor out.
 */
export type Leftover =
  | { readonly kind: 'indexes'; readonly of: 'table' | 'index'; readonly relation: string }
  | { readonly kind: 'detaching'; readonly table: string; readonly partition: string };

/** `change` without its WHERE; rows for which `where` holds are not done yet. */
export interface BackfillStep {
  readonly kind: 'backfill';
  readonly table: string;
  /** As the statement calls the table. */
  readonly alias: string;
  readonly change: string;
  readonly where: string | null;
}

/** Read by key ranges: no row may fit `where`. */
export interface CompareStep {
  readonly kind: 'compare';
  readonly table: string;
  /** As `where` calls the table. */
  readonly alias: string;
  readonly where: string;
  readonly sentence: string;
  /** The step of the backfill that fills these rows; absent: any may, and filling them again changes nothing else. */
  readonly filledBy?: number;
}

export interface MigrationPlan {
  readonly expand: readonly Step[];
  readonly backfill: readonly Step[];
  readonly verify: readonly Step[];
  readonly contract: readonly Step[];
  readonly abort: readonly Step[];
}

export const NO_STEPS: MigrationPlan = { expand: [], backfill: [], verify: [], contract: [], abort: [] };

export function statement(...sql: readonly string[]): StatementStep {
  return { kind: 'statement', sql };
}

/** For people: what stands in the plan. */
export function sqlOf(step: Step): readonly string[] {
  switch (step.kind) {
    case 'statement':
      return step.sql;
    case 'backfill':
      return [`${step.change}${step.where === null ? '' : ` WHERE ${step.where}`} -- in batches`];
    case 'compare':
      return [`SELECT count(*) FROM ${step.table} WHERE ${step.where} -- must be 0`];
    default:
      return [step.sql];
  }
}

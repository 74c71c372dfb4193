import type { LockMode } from '../effects/effect.ts';
import type { Place } from '../sql/statement.ts';
import type { Rewrite, Severity } from './rule.ts';

/** What a rule found in a statement, with all that a person needs to decide. */
export interface Finding {
  readonly rule: string;
  readonly severity: Severity;
  readonly place: Place;
  readonly statement: string;
  readonly message: string;
  readonly why: string;
  readonly locks: readonly {
    readonly relation: string;
    readonly lock: LockMode;
    readonly blocks: string | null;
    readonly rewrite: boolean;
    readonly scan: boolean;
  }[];
  /** Rows, size and use of the table, where a live database was asked; null: not asked. */
  readonly table: {
    readonly name: string;
    readonly rows: number;
    readonly bytes: number;
    readonly writes: number;
  } | null;
  readonly instead: Rewrite | null;
  /** The author's reason, where it was accepted. */
  readonly accepted: string | null;
}

/** Whether the migration may run: errors must be accepted or mended. */
export function hinders({ severity, accepted }: Finding): boolean {
  return severity === 'error' && accepted === null;
}

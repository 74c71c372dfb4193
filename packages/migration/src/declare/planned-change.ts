import type { Catalog } from '../catalog/catalog.ts';
import type { MigrationPlan } from '../plan/step.ts';

/** Where a change finds what it needs to become steps. */
export interface Planning {
  readonly catalog: Catalog;
  /** The app and environment whose change it is. */
  readonly scope: string;
  readonly version: number;
  /** Of the change within its migration; makes the names of triggers unique. */
  readonly place: number;
  /** For messages: path of the file. */
  readonly file: string;
}

export type Planner<Change> = (change: Change, planning: Planning) => Partial<MigrationPlan>;

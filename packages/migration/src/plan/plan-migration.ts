import type { MigrationSource } from '@holdfast/core/migration/source.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { planOfChanges } from '../declare/plan-of-changes.ts';
import { planOfSql } from './plan-of-sql.ts';
import type { MigrationPlan } from './step.ts';

/** The steps of one schema change. The parser must have been loaded. */
export function planMigration(
  { form, files, version }: MigrationSource,
  catalog: Catalog,
  scope: string,
): MigrationPlan {
  const [first] = files;
  return form === 'declared' && first
    ? planOfChanges({ ...first, version, scope }, catalog)
    : planOfSql(files, catalog);
}

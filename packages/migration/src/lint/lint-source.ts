import type { MigrationSource } from '@holdfast/core/migration/source.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { MigrationPlan } from '../plan/step.ts';
import type { Finding } from './finding.ts';
import { lint } from './lint.ts';
import { PHASES } from './rule.ts';

/** Findings in the SQL of one change. What is declared is planned so that there are none. */
export function lintSource({ files }: MigrationSource, catalog: Catalog): readonly Finding[] {
  return files.flatMap(({ path, text, phase }) => {
    const linted = PHASES.find((known) => known === phase) ?? (phase === 'abort' ? 'contract' : null);
    return linted === null ? [] : lint({ path, text, phase: linted }, catalog);
  });
}

/** A declared change as the statements that it became: a type or an expression may hide what a rule forbids. */
export function lintPlan(
  { files }: MigrationSource,
  plan: MigrationPlan,
  catalog: Catalog,
): readonly Finding[] {
  const path = files[0]?.path ?? '';
  return (['expand', 'verify', 'contract'] as const).flatMap((phase) => {
    const sql = plan[phase].flatMap((step) => ('sql' in step ? step.sql : []));
    return lint({ path, text: sql.join(';\n'), phase: phase === 'expand' ? 'expand' : 'contract' }, catalog);
  });
}

import type { Catalog } from '../catalog/catalog.ts';
import type { MigrationSource } from '../files/read-migrations.ts';
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

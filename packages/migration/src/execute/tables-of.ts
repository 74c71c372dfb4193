import { unknownCatalog } from '../catalog/catalog.ts';
import { effectsOf } from '../effects/effects-of.ts';
import type { Step } from '../plan/step.ts';
import { parseSql } from '../sql/parse-sql.ts';

/** The tables that a step locks. */
export function tablesOf(step: Step): readonly string[] {
  switch (step.kind) {
    case 'statement':
      return [...new Set(step.sql.flatMap(lockedBy))];
    case 'outside':
      return lockedBy(step.sql);
    default:
      return [step.table];
  }
}

function lockedBy(sql: string): readonly string[] {
  return parseSql('', sql).flatMap((statement) =>
    effectsOf(statement, unknownCatalog()).on.map(({ relation }) => relation),
  );
}

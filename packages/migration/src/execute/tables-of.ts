import { unknownCatalog } from '../catalog/catalog.ts';
import type { LockMode } from '../effects/effect.ts';
import { effectsOf } from '../effects/effects-of.ts';
import type { Step } from '../plan/step.ts';
import { parseSql } from '../sql/parse-sql.ts';

export interface WantedLock {
  readonly relation: string;
  readonly lock: LockMode;
}

/** The locks that a step asks for. */
export function locksOf(step: Step): readonly WantedLock[] {
  switch (step.kind) {
    case 'statement':
      return step.sql.flatMap(lockedBy);
    case 'outside':
      return lockedBy(step.sql);
    case 'index':
      return [{ relation: step.table, lock: 'SHARE UPDATE EXCLUSIVE' }];
    case 'backfill':
      return [{ relation: step.table, lock: 'ROW EXCLUSIVE' }];
    case 'compare':
      return [{ relation: step.table, lock: 'ACCESS SHARE' }];
  }
}

export function tablesOf(step: Step): readonly string[] {
  return [...new Set(locksOf(step).map(({ relation }) => relation))];
}

function lockedBy(sql: string): readonly WantedLock[] {
  return parseSql('', sql).flatMap((statement) => effectsOf(statement, unknownCatalog()).on);
}

import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { MigrationPhase } from '@holdfast/core/migration/migration.ts';
import type { MigrationSource } from '@holdfast/core/migration/source.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { readCatalog, type Sql } from '../catalog/read-catalog.ts';
import { blockedBy, type LockMode } from '../effects/effect.ts';
import { effectsOf } from '../effects/effects-of.ts';
import type { Finding } from '../lint/finding.ts';
import { lintPlan, lintSource } from '../lint/lint-source.ts';
import { loadParser, parseSql } from '../sql/parse-sql.ts';
import { planMigration } from './plan-migration.ts';
import { type MigrationPlan, type Step, sqlOf } from './step.ts';

/** A change as it would run on this database now, without running it. */
export interface Rehearsal {
  readonly steps: readonly RehearsedStep[];
  readonly findings: readonly Finding[];
  /** Why it cannot be planned on the database as it is; null: it can. */
  readonly problem: string | null;
}

export interface RehearsedStep {
  readonly phase: MigrationPhase;
  readonly sql: readonly string[];
  readonly locks: readonly RehearsedLock[];
  readonly rows: number | null;
}

export interface RehearsedLock {
  readonly relation: string;
  readonly lock: LockMode;
  readonly blocks: string | null;
  readonly scan: boolean;
  readonly rewrite: boolean;
}

/** Those that a change goes through; abort is another way. */
const PHASES = [
  'expand',
  'backfill',
  'verify',
  'contract',
] as const satisfies readonly (keyof MigrationPlan)[];

export async function rehearse(sql: Sql, source: MigrationSource): Promise<Rehearsal> {
  await loadParser();
  const catalog = await readCatalog(sql);
  const written = source.form === 'declared' ? [] : lintSource(source, catalog);
  try {
    const plan = planMigration(source, catalog, 'rehearsal');
    const findings = source.form === 'declared' ? lintPlan(source, plan, catalog) : written;
    const steps = PHASES.flatMap((phase) => plan[phase].map((step) => rehearseStep(phase, step, catalog)));
    return { steps, findings, problem: null };
  } catch (error) {
    // A later change is written for the shape that an earlier one leaves.
    if (error instanceof HoldfastError) return { steps: [], findings: written, problem: error.message };
    throw error;
  }
}

function rehearseStep(phase: MigrationPhase, step: Step, catalog: Catalog): RehearsedStep {
  const table = 'table' in step ? step.table : null;
  const effects =
    step.kind === 'backfill' || step.kind === 'compare'
      ? []
      : sqlOf(step).flatMap((text) => effectsIn(text, catalog));
  const reads = table !== null || effects.some(({ scan, rewrite }) => scan || rewrite);
  const read = table ?? effects.find(({ scan, rewrite }) => scan || rewrite)?.relation ?? null;
  return {
    phase,
    sql: sqlOf(step),
    locks: effects,
    rows: reads && read !== null ? (catalog.table(read)?.rows ?? null) : null,
  };
}

function effectsIn(text: string, catalog: Catalog): readonly RehearsedLock[] {
  return parseSql('', text).flatMap((statement) =>
    effectsOf(statement, catalog).on.map((effect) => ({ ...effect, blocks: blockedBy(effect.lock) })),
  );
}

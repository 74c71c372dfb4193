import type { MigrationPhase, PhaseOutcome } from '@holdfast/core/migration/migration.ts';
import type { MigrationSource } from '@holdfast/core/migration/source.ts';
import { DEFAULT_LIMITS } from '@holdfast/core/migration/throttle.ts';
import { readMigrations } from '@holdfast/migration/files/read-migrations.ts';
import type { MysqlPlace } from '@holdfast/migration/mysql/mysql-session.ts';
import type { Copies } from '@holdfast/migration/mysql/run-copy.ts';
import { type MysqlWork, workOnMysql } from '@holdfast/migration/mysql/work-on-mysql.ts';

/** A change from its files, and its phases as a controller would work on them: look by look. */
export function changeOf(files: Record<string, string>): MigrationSource {
  const found = Object.entries(files).map(([name, text]) => ({ path: `db/0007_change/${name}`, text }));
  const [source] = readMigrations('db', found);
  if (!source) throw new Error('no change');
  return source;
}

export interface Working {
  readonly place: MysqlPlace;
  readonly source: MigrationSource;
  readonly copies: Copies;
  readonly folder: string;
}

export function look(
  { place, source, copies, folder }: Working,
  phase: MigrationPhase,
  how: Partial<MysqlWork> = {},
): Promise<PhaseOutcome> {
  return workOnMysql({
    scope: 'shop/production',
    version: source.version,
    fence: 1,
    place,
    source,
    phase,
    copies,
    work: folder,
    budgetMs: 500,
    limits: DEFAULT_LIMITS,
    signals: [],
    userQuery: null,
    held: null,
    nice: 0,
    batchMs: 50,
    gate: null,
    ...how,
  });
}

/** Until the phase is done, or has failed. */
export async function through(
  working: Working,
  phase: MigrationPhase,
  how: Partial<MysqlWork> = {},
): Promise<PhaseOutcome> {
  for (let looks = 0; looks < 400; looks += 1) {
    const outcome = await look(working, phase, how);
    if (outcome.kind === 'done' || outcome.kind === 'failed') return outcome;
    if (outcome.kind === 'waits') await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error(`${phase} did not end`);
}

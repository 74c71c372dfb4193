import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { MigrationSource } from '@holdfast/core/migration/source.ts';
import type { Rehearsal, RehearsedStep } from '../plan/rehearse.ts';
import { type MysqlSession, quoteMysql } from './mysql-session.ts';
import { lintMysql, type MysqlPhase, planOfMysql } from './plan-of-mysql.ts';
import type { MysqlStatement } from './statements.ts';

/**
 * What a change would do, without doing it. Which way the server can go it says only when it is asked to go, so the
 * rows are those of a copy, should one be needed.
 */
export async function rehearseMysql(sql: MysqlSession, source: MigrationSource): Promise<Rehearsal> {
  try {
    const plan = planOfMysql(source);
    const steps: RehearsedStep[] = [];
    for (const phase of ['expand', 'contract'] as const satisfies readonly MysqlPhase[])
      for (const statement of plan[phase]) steps.push(await stepOf(sql, phase, statement));
    return { steps, findings: lintMysql(source), problem: null };
  } catch (error) {
    if (error instanceof HoldfastError) return { steps: [], findings: [], problem: error.message };
    throw error;
  }
}

async function stepOf(
  sql: MysqlSession,
  phase: MysqlPhase,
  { kind, table, text }: MysqlStatement,
): Promise<RehearsedStep> {
  if (kind !== 'alter') return { phase, sql: [text], locks: [], rows: null };
  const [found] = await sql.query<{ rows: string | number }>(
    'SELECT table_rows AS `rows` FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?',
    [table],
  );
  return {
    phase,
    sql: [`ALTER TABLE ${quoteMysql(table)} ${text} -- in place, or by a copy that is exchanged`],
    locks: [],
    rows: found ? Number(found.rows) : null,
  };
}

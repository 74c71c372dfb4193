import type { ReportResult } from '@holdfast/contract/agent/protocol.ts';
import type { Queryable } from '../database.ts';

/** A replayed report gets the answer that the first one got. */
export async function answersOf(
  sql: Queryable,
  sessionId: string,
  numbers: readonly number[],
): Promise<ReadonlyMap<number, ReportResult>> {
  if (numbers.length === 0) return new Map();
  const found = await sql.query<{ number: number; outcome: ReportResult['outcome']; reason: string | null }>(
    'SELECT number, outcome, reason FROM agent_report WHERE session_id = $1 AND number = ANY ($2::bigint[])',
    [sessionId, numbers],
  );
  return new Map(found.rows.map((row) => [row.number, row]));
}

export async function keepAnswer(sql: Queryable, sessionId: string, result: ReportResult): Promise<void> {
  await sql.query('INSERT INTO agent_report (session_id, number, outcome, reason) VALUES ($1, $2, $3, $4)', [
    sessionId,
    result.number,
    result.outcome,
    result.reason,
  ]);
}

export async function forgetOldAnswers(sql: Queryable): Promise<void> {
  await sql.query(`DELETE FROM agent_report WHERE at < clock_timestamp() - interval '1 day'`);
}

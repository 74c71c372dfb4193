import {
  afterBatch,
  afterFailure,
  BATCH_TARGET_MS,
  type BatchSize,
  FIRST_BATCH,
} from '@holdfast/core/migration/batch-size.ts';
import type { Sql } from '../catalog/read-catalog.ts';
import { changeOf } from '../declare/mirror.ts';
import type { BackfillStep } from '../plan/step.ts';
import { quoteRelation } from '../sql/names.ts';
import { nextEnd } from './batches.ts';
import { beginRange } from './begin-range.ts';
import { isLockTimeout } from './failure.ts';
import { holdFence, markDone, type StepAt, type StepRow, writeStep } from './ledger.ts';
import type { Session } from './session.ts';
import { rangeText, type TableKey } from './table-key.ts';

/**
 * Rows changed batch by batch. A batch and the cursor that says so commit together, under the
 * fence: killed at any point, at most one batch is done again, and `where` makes that harmless.
 */
const LOCK_MS = 500;
const STATEMENT_MS = 10_000;

export interface Backfilling {
  readonly at: StepAt;
  readonly step: BackfillStep;
  readonly key: TableKey;
  readonly row: StepRow;
  readonly size: BatchSize;
  readonly rowsPerBlock: number;
  readonly targetMs: number;
}

export async function beginBackfill(
  session: Session,
  step: BackfillStep,
  at: StepAt,
  targetMs = BATCH_TARGET_MS,
): Promise<Backfilling> {
  // Fresh statistics first: without them the planner takes the table for tiny, and batches crawl.
  const prepare = () =>
    session.script(`SET lock_timeout = ${LOCK_MS}; ANALYZE ${quoteRelation(step.table)}; RESET lock_timeout`);
  const { key, row, rowsPerBlock } = await beginRange(session, step.table, { at, prepare });
  const size = row.batch === null ? FIRST_BATCH : { rows: row.batch, msPerRow: row.ms_per_row };
  return { at, step, key, row, size, rowsPerBlock, targetMs };
}

/** One batch further; the step is done when there is no next one. */
export async function nextBatch(session: Session, filling: Backfilling): Promise<Backfilling> {
  const { step, key, row, size, at } = filling;
  const end = await nextEnd(session, step.table, {
    key,
    from: row.cursor,
    high: row.high ?? [],
    rows: size.rows,
    rowsPerBlock: filling.rowsPerBlock,
  });
  const began = performance.now();
  try {
    const changed = await session.transaction(
      { lockMs: LOCK_MS, statementMs: STATEMENT_MS, hasty: end !== null, fills: changeOf(at) },
      (sql) => (end === null ? finish(sql, at) : change(sql, filling, end)),
    );
    if (end === null) return { ...filling, row: { ...row, done: true } };
    const next = afterBatch(size, { rows: size.rows, ms: performance.now() - began }, filling.targetMs);
    return { ...filling, size: next, row: { ...row, cursor: end, rows: row.rows + changed } };
  } catch (error) {
    if (!isLockTimeout(error)) throw error;
    await writeStep(session, at, { set: 'batch = $5', values: [afterFailure(size).rows] });
    throw error;
  }
}

/** This commit waits for the disk, and with it every batch before: done is told to others. */
async function finish(sql: Sql, at: StepAt): Promise<number> {
  await holdFence(sql, at);
  await markDone(sql, at);
  return 0;
}

async function change(
  sql: Sql,
  { at, step, key, row, size }: Backfilling,
  end: readonly string[],
): Promise<number> {
  await holdFence(sql, at);
  const range = rangeText(key, { alias: step.alias, from: row.cursor, to: end });
  const where = step.where === null ? range.text : `${range.text} AND (${step.where})`;
  const { rowCount } = await sql.query(`${step.change} WHERE ${where}`, range.values);
  const changed = rowCount ?? 0;
  await writeStep(sql, at, {
    set: 'cursor = $5, rows = rows + $6, batch = $7, ms_per_row = $8',
    values: [JSON.stringify(end), changed, size.rows, size.msPerRow],
  });
  return changed;
}

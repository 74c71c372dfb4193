import { afterFailure } from '@holdfast/core/migration/batch-size.ts';
import type { Sql } from '../catalog/read-catalog.ts';
import type { CompareStep } from '../plan/step.ts';
import { quoteRelation } from '../sql/names.ts';
import { nextEnd } from './batches.ts';
import { beginRange } from './begin-range.ts';
import { isLockTimeout } from './failure.ts';
import { holdFence, type StepAt, type StepRow, writeStep } from './ledger.ts';
import type { Session } from './session.ts';
import { rangeText, type TableKey } from './table-key.ts';

/**
 * Every row is compared, range by range, so that no snapshot is held for long; a table without a key in one, because its rows
 * move between ranges as they are written. A row that is changed
 * meanwhile passes the trigger, so what was found equal stays equal. A range that takes too long (wide rows, dear
 * expressions) is halved, and whoever goes on knows.
 */
const RANGE_ROWS = 20_000;
const STATEMENT_MS = 30_000;

export interface Comparing {
  readonly at: StepAt;
  readonly step: CompareStep;
  readonly key: TableKey;
  readonly row: StepRow;
  readonly rowsPerBlock: number;
}

export async function beginCompare(session: Session, step: CompareStep, at: StepAt): Promise<Comparing> {
  return { at, step, ...(await beginRange(session, step.table, { at })) };
}

export async function nextRange(
  session: Session,
  comparing: Comparing,
  statementMs = STATEMENT_MS,
): Promise<Comparing> {
  const { at, step, key, row } = comparing;
  const rowsAtOnce = row.batch ?? RANGE_ROWS;
  const { end, range, limitMs } = key.byBlocks
    ? { ...wholeTable(row), limitMs: 0 }
    : { ...(await nextKeys(session, comparing, rowsAtOnce)), limitMs: statementMs };
  if (end === null) return { ...comparing, row: { ...row, done: true } };
  const relation = quoteRelation(step.table);
  const called = step.alias === relation ? relation : `${relation} AS ${step.alias}`;
  const compare = async (sql: Sql) => {
    await holdFence(sql, at);
    const { rows } = await sql.query<{ all: number; found: number }>(
      `SELECT count(*)::float8 AS all, (count(*) FILTER (WHERE ${step.where}))::float8 AS found FROM ${called} WHERE ${range.text}`,
      range.values,
    );
    const counted = rows[0] ?? { all: 0, found: 0 };
    await writeStep(sql, at, {
      set: 'cursor = $5, rows = rows + $6, found = found + $7',
      values: [JSON.stringify(end), counted.all, counted.found],
    });
    return counted;
  };
  const { all, found } = await session
    .transaction({ lockMs: 1_000, statementMs: limitMs }, compare)
    .catch(async (error: unknown) => {
      if (isLockTimeout(error)) {
        const { rows } = afterFailure({ rows: rowsAtOnce, msPerRow: null });
        await writeStep(session, at, { set: 'batch = $5', values: [rows] });
      }
      throw error;
    });
  return { ...comparing, row: { ...row, cursor: end, rows: row.rows + all, found: row.found + found } };
}

interface Range {
  /** null: everything was compared. */
  readonly end: readonly string[] | null;
  readonly range: { readonly text: string; readonly values: readonly string[] };
}

async function nextKeys(
  session: Session,
  { step, key, row, rowsPerBlock }: Comparing,
  rows: number,
): Promise<Range> {
  const at = { key, from: row.cursor, high: row.high ?? [], rows, rowsPerBlock };
  const end = await nextEnd(session, step.table, at);
  const range = rangeText(key, { alias: step.alias, from: row.cursor, to: end ?? [] });
  return { end, range };
}

/** One that the version before had cut into blocks is compared whole, too. */
function wholeTable({ cursor, high }: StepRow): Range {
  const end = high ?? ['0'];
  return { end: cursor?.[0] === end[0] ? null : end, range: { text: 'true', values: [] } };
}

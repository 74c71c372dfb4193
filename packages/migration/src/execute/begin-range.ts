import { highestKey, sizeOf } from './batches.ts';
import { holdFence, readStep, type StepAt, type StepRow, writeStep } from './ledger.ts';
import type { Session } from './session.ts';
import { keyOf, type TableKey } from './table-key.ts';

/** A pass over a table in ranges of its key: where it ends is written down when it begins, once. */
export interface RangeBegun {
  readonly key: TableKey;
  readonly row: StepRow;
  readonly rowsPerBlock: number;
}

const LIMITS = { lockMs: 1_000, statementMs: 30_000 };
/** Where the planner knows nothing yet. */
const ROWS_A_BLOCK = 50;

export async function beginRange(
  session: Session,
  table: string,
  { at, prepare }: { readonly at: StepAt; readonly prepare?: () => Promise<void> },
): Promise<RangeBegun> {
  const key = await keyOf(session, table);
  let row = await readStep(session, at);
  const fresh = row.high === null && !row.done;
  if (fresh) await prepare?.();
  const { rows, blocks } = await sizeOf(session, table);
  if (fresh) {
    const high = await highestKey(session, table, key);
    await session.transaction(LIMITS, async (sql) => {
      await holdFence(sql, at);
      await writeStep(sql, at, {
        set: 'high = $5, total = $6, done = $7',
        values: [JSON.stringify(high), Math.round(rows), high === null],
      });
    });
    row = { ...(await readStep(session, at)), done: high === null };
  }
  return { key, row, rowsPerBlock: blocks > 0 ? rows / blocks : ROWS_A_BLOCK };
}

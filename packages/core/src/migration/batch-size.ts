/**
 * How many rows the next batch of a backfill has. Each batch should take a set time: long enough to
 * be worth its commit, short enough that whoever waits for one of its rows hardly notices. The mean of
 * the last batches, weighted towards the newest, is compared with that time, and the size moves by at
 * most a fifth at once (as GitLab's optimiser does), so that one slow batch is no collapse.
 */
export interface BatchSize {
  readonly rows: number;
  /** Milliseconds a row, smoothed; null: nothing measured yet. */
  readonly msPerRow: number | null;
}

export const FIRST_BATCH: BatchSize = { rows: 1_000, msPerRow: null };
/** Measured beside an app (bench migration): longer ones gain nothing, and its slowest requests wait for them. */
export const BATCH_TARGET_MS = 25;

const NEWEST = 0.4;
const GROW = 1.2;
const SHRINK = 0.8;
const LEAST = 10;
const MOST = 50_000;

/** By the rows of the range, changed or not: where few are left to change, reading them is the work. */
export function afterBatch(
  size: BatchSize,
  { rows: done, ms }: { readonly rows: number; readonly ms: number },
  targetMs: number = BATCH_TARGET_MS,
): BatchSize {
  const measured = ms / Math.max(1, done);
  const msPerRow = size.msPerRow === null ? measured : NEWEST * measured + (1 - NEWEST) * size.msPerRow;
  const wanted = targetMs / Math.max(msPerRow, 1e-6);
  const rows = Math.min(Math.max(wanted, size.rows * SHRINK), size.rows * GROW);
  return { rows: bounded(rows), msPerRow };
}

/** It ran into a lock or a limit: half of it may get through. */
export function afterFailure(size: BatchSize): BatchSize {
  return { ...size, rows: bounded(size.rows / 2) };
}

function bounded(rows: number): number {
  return Math.round(Math.min(Math.max(rows, LEAST), MOST));
}

import type { TableFacts } from '../catalog/catalog.ts';

/** A scan or a copy of so little takes less time than waiting for the lock. */
const SMALL_ROWS = 10_000;
const SMALL_BYTES = 8 * 1024 * 1024;

export function isSmall(table: TableFacts | null): boolean {
  return table !== null && table.rows <= SMALL_ROWS && table.bytes <= SMALL_BYTES;
}

import type { Side } from '../changes/change.ts';

/** Whose row is whose: four writers own a fifth each, and the last fifth is written by one of each release. */
export const ROWS = 20_000;
export const WRITERS_A_RELEASE = 2;
const PARTS = 2 * WRITERS_A_RELEASE + 1;

export function writerNumber(side: Side, place: number): number {
  return (side === 'old' ? 0 : WRITERS_A_RELEASE) + place;
}

export function rowsOf(writer: number): number[] {
  const all = Array.from({ length: ROWS }, (_, place) => place + 1);
  return all.filter((id) => id % PARTS === writer);
}

export function sharedRows(): number[] {
  return rowsOf(PARTS - 1);
}

export function isShared(id: number): boolean {
  return id <= ROWS && id % PARTS === PARTS - 1;
}

/** Ids of new rows and tokens: of one writer alone, and above those that were there. */
export function firstFresh(writer: number): number {
  return (writer + 1) * 10_000_000;
}

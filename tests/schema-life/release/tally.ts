/** What a release counted and was acknowledged, from process to process. */
export interface Tally {
  readonly statements: number;
  readonly failed: number;
  readonly differ: number;
  readonly slowestMs: number;
  readonly examples: readonly string[];
  readonly losses: readonly Loss[];
  /** By writer, since the last tally: rows and their tokens, null for a deleted row. */
  readonly written: readonly {
    readonly writer: number;
    readonly rows: readonly (readonly [number, number | null])[];
  }[];
}

/** When a connection was begun and when it was lost, in ms since 1970: a crash must lie between. */
export type Loss = readonly [number, number];

export type Order = 'go' | 'halt';

export const EXAMPLES = 5;

/** Beyond this a user has gone. */
export const SLOW_MS = 2_000;

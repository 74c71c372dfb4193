import type { Migration, Wish } from '@holdfast/core/migration/migration.ts';

/** What a worker and the keeper of its state say to each other. */
export type Question =
  | { readonly ask: 'load'; readonly number: number }
  | {
      readonly ask: 'save';
      readonly number: number;
      readonly revision: number;
      readonly migration: Migration;
    };

export interface Loaded {
  readonly number: number;
  readonly migration: Migration;
  readonly revision: number;
  readonly wish: Wish;
  readonly arm: Arm | null;
}

export interface Saved {
  readonly number: number;
  /** stale: somebody else changed it, look again. gone: there is a newer worker. */
  readonly saved: 'saved' | 'stale' | 'gone';
}

/** Do this to yourself right after so many more statements were sent. */
export interface Arm {
  readonly id: number;
  readonly does: 'kill' | 'pause';
  readonly after: number;
}

/** Said just before it does. */
export interface Struck {
  readonly struck: number;
}

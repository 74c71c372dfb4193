import { decide } from '@holdfast/core/migration/decide.ts';
import { checkMigration, checkStep } from '@holdfast/core/migration/invariants.ts';
import {
  type Migration,
  type MigrationState,
  planned,
  underlying,
  type Wish,
} from '@holdfast/core/migration/migration.ts';
import type { Saved } from '../worker/question.ts';

/**
 * The controller's own database, as far as a migration needs it: one record, saved by whoever has
 * the newest fence and saw the latest revision. It is not what is killed here.
 */
const ORDER: readonly MigrationState[] = [
  'planned',
  'expanding',
  'expanded',
  'backfilling',
  'verifying',
  'ready',
  'contracting',
  'done',
  'aborting',
  'aborted',
];

export class StateKeeper {
  wish: Wish = { to: 'ready', hindrance: 'release 1 serves and uses the old shape' };
  /** The newest that was given out. */
  fence = 0;
  revision = 0;
  migration: Migration;
  onChange: (sentence: string) => void = () => {};
  private readonly waiting: { readonly test: () => boolean; readonly end: PromiseWithResolvers<void> }[] = [];

  constructor(of: Pick<Migration, 'version' | 'name' | 'digest'>) {
    this.migration = planned(of, Date.now());
  }

  save({
    fence,
    revision,
    migration,
  }: {
    fence: number;
    revision: number;
    migration: Migration;
  }): Saved['saved'] {
    if (fence !== this.fence) return 'gone';
    if (revision !== this.revision) return 'stale';
    this.put(migration);
    return 'saved';
  }

  abort(): void {
    const decided = decide(this.migration, { kind: 'abort' }, Date.now());
    if (!decided.ok) throw new Error(decided.refusal.sentence);
    this.put(decided.value);
  }

  /** It is in this state or beyond it. A pause that waits for a person is the end. */
  reached(state: MigrationState): Promise<void> {
    const end = Promise.withResolvers<void>();
    const test = () => ORDER.indexOf(underlying(this.migration)) >= ORDER.indexOf(state);
    this.waiting.push({ test, end });
    this.tell();
    return end.promise;
  }

  private put(migration: Migration): void {
    checkMigration(migration);
    checkStep(this.migration, migration);
    const { state, reason } = migration;
    if (state !== this.migration.state || reason !== this.migration.reason)
      this.onChange(`${state}${reason ? `: ${reason}` : ''}`);
    this.migration = migration;
    this.revision += 1;
    this.tell();
  }

  private tell(): void {
    const { state, paused, reason } = this.migration;
    for (const { test, end } of this.waiting) {
      if (test()) end.resolve();
      else if (paused && paused.by !== 'signal')
        end.reject(new Error(`${state} from ${paused.from}: ${reason}`));
    }
  }
}

import { invariant } from '../kernel/invariant.ts';
import { isGone, type Migration, underlying } from './migration.ts';

/** Checked after each transition, on load and on save. */
export function checkMigration(migration: Migration): void {
  invariant((migration.state === 'paused') === (migration.paused !== null), 'paused says from where');
  invariant(underlying(migration) !== 'paused', 'a pause is of some phase');
  invariant(migration.version >= 1, 'versions count from 1');
}

/** From one save to the next: what was taken away never comes back. */
export function checkStep(before: Migration, after: Migration): void {
  invariant(!isGone(before) || isGone(after), 'there is no way back from contracting');
  invariant(
    before.digest === after.digest || ['planned', 'aborted'].includes(before.state),
    'begun work keeps its content',
  );
}

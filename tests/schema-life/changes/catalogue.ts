import type { Change } from './change.ts';
import { CONSTRAINTS } from './constraints.ts';
import { MIRRORED_COLUMNS } from './mirrored-columns.ts';
import { SINGLE_COLUMNS } from './single-columns.ts';
import { TABLES } from './tables.ts';

/** Every kind of change to its end; those that expand something, also taken back; and the counter-proof. */
export interface LifePlan {
  readonly name: string;
  readonly change: Change;
  readonly end: 'done' | 'aborted';
  /** The trigger is dropped after the expand phase, so that rows must differ. */
  readonly withoutTrigger: boolean;
  /**
   * Nobody writes, and the database is killed at the moment in which the backfill has been told of as
   * done: a commit that did not wait for the disk is then lost, for no other one has flushed it.
   */
  readonly quiet: boolean;
}

export const NO_TRIGGER = 'no-trigger';

/** These do nothing before the contract phase: there is nothing to take back. */
const CONTRACT_ONLY = [
  'set-not-null-checked',
  'drop-index',
  'add-check',
  'add-foreign-key',
  'add-unique',
  'drop-table',
];

/** What a dropped constraint forbade, the new release may have written: it is not put back. */
const ONE_WAY = ['drop-constraint'];

const CHANGES = [...MIRRORED_COLUMNS, ...SINGLE_COLUMNS, ...CONSTRAINTS, ...TABLES];

export const LIVES: readonly LifePlan[] = [
  ...CHANGES.map((change): LifePlan => life(change.name, change, 'done')),
  ...CHANGES.filter(({ name }) => ![...CONTRACT_ONLY, ...ONE_WAY].includes(name)).map(
    (change): LifePlan => life(`${change.name}-aborted`, change, 'aborted'),
  ),
  ...['rename', 'add-column', 'add-column-nullable'].map(
    (name): LifePlan => ({ ...life(`${name}-quiet`, changeNamed(name), 'done'), quiet: true }),
  ),
  { ...life(NO_TRIGGER, changeNamed('rename'), 'done'), withoutTrigger: true },
];

export const LIFE_NAMES = LIVES.map(({ name }) => name);

export function changeNamed(name: string): Change {
  return CHANGES.find((change) => change.name === name) as Change;
}

function life(name: string, change: Change, end: LifePlan['end']): LifePlan {
  return { name, change, end, withoutTrigger: false, quiet: false };
}

import type { MigrationView } from '@holdfast/contract/api/resources.ts';

/** The way of a schema change, with the line behind which there is no return. */
const PHASES = [
  { name: 'expand', states: ['expanding'] },
  { name: 'backfill', states: ['expanded', 'backfilling'] },
  { name: 'verify', states: ['verifying'] },
  { name: 'both shapes', states: ['ready'] },
  { name: 'contract', states: ['contracting'] },
  { name: 'done', states: ['done'] },
] as const;

export function MigrationPhases({ migration }: { readonly migration: MigrationView }) {
  const state = migration.pausedFrom ?? migration.state;
  const now = PHASES.findIndex(({ states }) => (states as readonly string[]).includes(state));
  return (
    <>
      <ol className="milestones">
        {PHASES.map(({ name }, at) => (
          <li key={name} className={at < now ? 'passed' : at === now ? 'now' : ''}>
            {name}
          </li>
        ))}
      </ol>
      <p className="muted">
        {migration.pointOfNoReturn === 'passed'
          ? 'The point of no return is passed: releases that use the old shape cannot come back.'
          : 'The point of no return is before contract. Until then both shapes work, and every release can come back.'}
      </p>
    </>
  );
}

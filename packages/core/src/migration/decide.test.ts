import { describe, expect, test } from 'vitest';
import { decide, phaseToDo } from './decide.ts';
import { checkMigration, checkStep } from './invariants.ts';
import { type Migration, type MigrationEvent, type PhaseOutcome, planned, type Wish } from './migration.ts';

const fresh = planned({ version: 7, name: 'rename_email', digest: 'd', contracts: true }, 0);
const READY: Wish = { to: 'ready', hindrance: 'release 1 can still be returned to and uses the old shape' };
const NOTHING: Wish = { to: 'nothing', hindrance: null };
const CONTRACT: Wish = { to: 'contract', hindrance: null };

function after(migration: Migration, ...events: readonly MigrationEvent[]): Migration {
  return events.reduce((current, event) => {
    const decided = decide(current, event, 1);
    if (!decided.ok) throw new Error(decided.refusal.sentence);
    checkMigration(decided.value);
    checkStep(current, decided.value);
    return decided.value;
  }, migration);
}

const tick = (wish: Wish): MigrationEvent => ({ kind: 'tick', wish });
const worked = (
  phase: 'expand' | 'backfill' | 'verify' | 'contract' | 'abort',
  outcome: PhaseOutcome = { kind: 'done' },
): MigrationEvent => ({ kind: 'worked', phase, outcome });
const ready = after(fresh, tick(READY), worked('expand'), tick(READY), worked('backfill'), worked('verify'));

describe('the phases', () => {
  test('follow each other as far as somebody needs them, and stop before the old shape is taken away', () => {
    expect(after(fresh, tick({ to: 'nothing', hindrance: null })).state).toBe('planned');
    expect(phaseToDo(after(fresh, tick(READY)))).toBe('expand');
    expect(ready.state).toBe('ready');
    expect(after(ready, tick(READY))).toMatchObject({ state: 'ready', reason: READY.hindrance });
    expect(after(ready, tick(CONTRACT), worked('contract')).state).toBe('done');
  });

  test('asked by hand, contracting still waits for whoever needs the old shape', () => {
    const asked = after(ready, { kind: 'contract' }, tick(READY));
    expect(asked.state).toBe('ready');
    expect(after(asked, tick({ to: 'ready', hindrance: null })).state).toBe('contracting');
  });

  test('what is told of a phase that is over changes nothing', () => {
    expect(after(ready, worked('expand'))).toEqual(ready);
    expect(after(fresh, worked('contract'))).toEqual(fresh);
  });

  test('rows that differ send it back to the backfill, and to a person the fourth time', () => {
    const verifying = after(fresh, tick(READY), worked('expand'), tick(READY), worked('backfill'));
    const again = [worked('verify', { kind: 'differs', reason: '3 rows differ' }), worked('backfill')];
    expect(after(verifying, ...again, ...again, ...again).state).toBe('verifying');
    const given = after(
      verifying,
      ...again,
      ...again,
      ...again,
      worked('verify', { kind: 'differs', reason: '3 rows differ' }),
    );
    expect(given).toMatchObject({
      state: 'paused',
      paused: { from: 'verifying', by: 'failure' },
      reason: '3 rows differ',
    });
    expect(phaseToDo(given)).toBeNull();
    expect(after(given, { kind: 'resume' })).toMatchObject({ state: 'verifying', rounds: 0 });
  });
});

test('what a release began that then went away goes on when somebody asks for it', () => {
  const left = after(fresh, tick(READY), worked('expand'));
  expect(after(left, tick(NOTHING)).state).toBe('expanded');
  const asked = after(left, { kind: 'expand' }, tick(NOTHING));
  expect(asked.state).toBe('backfilling');
  expect(after(asked, worked('backfill'), worked('verify'), tick(NOTHING)).state).toBe('ready');
});

describe('a pause', () => {
  const backfilling = after(fresh, tick(READY), worked('expand'), tick(READY));
  const signal = 'replicaLagMs';
  const reason = 'a replica is 2s behind';
  const waits = worked('backfill', { kind: 'waits', reason, signal, progress: null });

  test('by a signal goes on by itself', () => {
    const held = after(backfilling, waits);
    expect(held).toMatchObject({ state: 'paused', reason, paused: { signal } });
    expect(phaseToDo(held)).toBe('backfill');
    const progress = { rows: 10, total: 100, rowsPerSecond: 5, batch: 10 };
    expect(after(held, worked('backfill', { kind: 'more', progress }))).toMatchObject({
      state: 'backfilling',
      reason: null,
      progress,
    });
  });

  test('by a person does not, and a late word of the executor does not wake it', () => {
    const held = after(backfilling, { kind: 'pause' });
    expect(phaseToDo(held)).toBeNull();
    expect(after(held, waits, worked('backfill'))).toEqual(held);
    expect(after(held, { kind: 'resume' }).state).toBe('backfilling');
  });

  test('after a failure waits for a person', () => {
    const failed = after(backfilling, worked('backfill', { kind: 'failed', reason: 'division by zero' }));
    expect(failed).toMatchObject({ state: 'paused', paused: { by: 'failure' } });
    expect(phaseToDo(failed)).toBeNull();
  });
});

describe('abort', () => {
  test('takes the new shape away, and a release that needs it begins anew', () => {
    const aborting = after(ready, { kind: 'abort' });
    expect(phaseToDo(aborting)).toBe('abort');
    expect(after(aborting, worked('abort')).state).toBe('aborted');
    expect(after(aborting, worked('abort'), tick(READY), tick(READY)).state).toBe('expanding');
  });

  test('is refused once the old shape is going', () => {
    const contracting = after(ready, tick(CONTRACT));
    for (const migration of [
      contracting,
      after(contracting, worked('contract')),
      after(contracting, { kind: 'pause' }),
    ])
      expect(decide(migration, { kind: 'abort' }, 1)).toMatchObject({ ok: false });
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { decide, phaseToDo } from '@holdfast/core/migration/decide.ts';
import type {
  Migration,
  MigrationEvent,
  MigrationPhase,
  PhaseOutcome,
} from '@holdfast/core/migration/migration.ts';
import { DEFAULT_LIMITS, waits } from '@holdfast/core/migration/throttle.ts';
import { openSession } from '@holdfast/migration/execute/session.ts';
import { workOnPhase } from '@holdfast/migration/execute/work-on-phase.ts';
import { Armed } from './armed.ts';
import { Keeper } from './keeper.ts';
import { sourceOf } from './source.ts';

/**
 * A controller's migration duty on its own: load, tick, work for a while under its fence, save, until
 * somebody newer has taken over. It is killed, put to sleep and woken from outside.
 */
export interface WorkerSettings {
  readonly name: string;
  readonly url: string;
  readonly yaml: string;
  readonly fence: number;
}

const BUDGET_MS = 300;
/** Small batches and long rests stretch the backfill over a few seconds. */
const BATCH_MS = 15;
const NICE = 4;
const IDLE_MS = 25;

const { url, yaml, fence } = JSON.parse(process.argv[2] ?? '{}') as WorkerSettings;
const source = sourceOf(yaml);
const armed = new Armed();
const keeper = new Keeper();
process.on('disconnect', () => process.exit());
while (await turn());
process.exit();

/** False: a newer one works on it. */
async function turn(): Promise<boolean> {
  const { migration, revision, wish, arm } = await keeper.load();
  armed.set(arm);
  const ticked = after(migration, { kind: 'tick', wish });
  const phase = phaseToDo(ticked);
  if (phase === null) {
    await sleep(IDLE_MS);
    return isOurs(revision, ticked);
  }
  const outcome = await work(ticked, phase);
  const worked = after(ticked, { kind: 'worked', phase, outcome });
  if (outcome.kind === 'waits') await sleep(4 * IDLE_MS);
  return isOurs(revision, worked);
}

async function isOurs(revision: number, migration: Migration): Promise<boolean> {
  return (await keeper.save(revision, migration)).saved !== 'gone';
}

async function work(migration: Migration, phase: MigrationPhase): Promise<PhaseOutcome> {
  const held = migration.paused?.signal ?? null;
  const opened = await openSession([url], 'migration').catch((error: Error) => error.message);
  if (typeof opened === 'string') return waits(opened, null);
  try {
    return await workOnPhase(opened, {
      scope: 'shop/production',
      version: source.version,
      fence,
      source,
      phase,
      budgetMs: BUDGET_MS,
      limits: DEFAULT_LIMITS,
      signals: [],
      userQuery: null,
      held,
      nice: NICE,
      batchMs: BATCH_MS,
    });
  } finally {
    await opened.close();
  }
}

function after(migration: Migration, event: MigrationEvent): Migration {
  const decided = decide(migration, event, Date.now());
  if (!decided.ok) throw new Error(decided.refusal.sentence);
  return decided.value;
}

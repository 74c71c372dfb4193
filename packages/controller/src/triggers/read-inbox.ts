import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { JsonObject } from '@holdfast/core/kernel/json.ts';
import { type Duty, dropDuty } from '@holdfast/postgres/duty/duty-store.ts';
import {
  type InboxRow,
  lockTrigger,
  nextTriggers,
  settleTrigger,
} from '@holdfast/postgres/run/inbox-store.ts';
import { findRepository, type RepositoryRow } from '@holdfast/postgres/run/repository-store.ts';
import { isOwnFault, OWN_FAULTS_AT_MOST } from '../loop/own-fault.ts';
import { dispatchRun } from '../runs/dispatch-run.ts';
import type { PreparedRun } from '../runs/prepare-run.ts';
import { startPushRuns } from '../runs/start-push-runs.ts';
import type { Services } from '../services.ts';

/**
 * Turns triggers into runs, one after another for a repository. The runs and the trigger's end are
 * one transaction, so that a crash in between repeats nothing and loses nothing. A trigger that
 * nothing can be made of, again and again, is refused: those behind it must not wait for it.
 */
export async function readInbox(services: Services, duty: Duty): Promise<number | null> {
  const repository = await findRepository(services.database, duty.id);
  if (!repository) {
    await dropDuty(services.database, duty.kind, duty.id);
    return null;
  }
  const seenAt = performance.now();
  const triggers = await nextTriggers(services.database, repository.id, BATCH);
  if (triggers.length === 0) return IDLE_MS;
  // Those that waited together need to look at the host once.
  for (const trigger of triggers) {
    try {
      await settle(services, { repository, trigger, seenAt });
    } catch (error) {
      if (!isOwnFault(error) || duty.failures + 1 < OWN_FAULTS_AT_MOST) throw error;
      await refuse(services, trigger, error);
      // Those behind it are counted anew.
      break;
    }
    if (performance.now() - seenAt > BATCH_MS) break;
  }
  for (const hint of ['jobs', 'duty', 'events', 'run'] as const) services.hints.send(hint);
  return 0;
}

const IDLE_MS = 5_000;
const BATCH = 50;
const BATCH_MS = 2_000;

interface Seen {
  readonly repository: RepositoryRow;
  readonly trigger: InboxRow;
  readonly seenAt: number;
}

/** git works before the transaction, which is short; another replica that was faster wins by the row. */
async function settle(services: Services, seen: Seen): Promise<void> {
  const { trigger } = seen;
  const { runs, reason } = await prepare(services, seen);
  await services.database.transaction(async (sql) => {
    if (!(await lockTrigger(sql, trigger.id))) return;
    for (const run of runs) await run.into(sql);
    const state = reason === null ? 'done' : 'refused';
    await settleTrigger(sql, trigger.id, { state, runs: runs.map((run) => run.id), reason });
  });
}

async function refuse({ database, log }: Services, { id }: InboxRow, error: Error): Promise<void> {
  log.error({ err: error, trigger: id }, 'trigger refused: it cannot be read');
  const reason = `Holdfast failed at it ${OWN_FAULTS_AT_MOST} times, which is a fault of Holdfast's own: ${error.message}`;
  await database.transaction(async (sql) => {
    if (await lockTrigger(sql, id)) await settleTrigger(sql, id, { state: 'refused', runs: [], reason });
  });
}

async function prepare(
  services: Services,
  seen: Seen,
): Promise<{ readonly runs: readonly PreparedRun[]; readonly reason: string | null }> {
  try {
    return { runs: await start(services, seen), reason: null };
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.kind === 'unavailable') throw error;
    return { runs: [], reason: error.located };
  }
}

function start(services: Services, { repository, trigger, seenAt }: Seen) {
  const payload = trigger.payload as JsonObject;
  if (trigger.kind === 'push') {
    return startPushRuns(services, repository, {
      ref: String(payload.ref),
      before: payload.before === null ? null : String(payload.before),
      after: String(payload.after),
    });
  }
  return dispatchRun(services, repository, payload, seenAt);
}

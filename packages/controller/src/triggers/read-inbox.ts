import { HoldfastError } from '@holdfast/contract/errors.ts';
import type { JsonObject } from '@holdfast/core/kernel/json.ts';
import { type Duty, dropDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { type InboxRow, nextTrigger, settleTrigger } from '@holdfast/postgres/run/inbox-store.ts';
import { findRepository, type RepositoryRow } from '@holdfast/postgres/run/repository-store.ts';
import { dispatchRun } from '../runs/dispatch-run.ts';
import { startPushRuns } from '../runs/start-push-runs.ts';
import type { Services } from '../services.ts';

/**
 * Turns triggers into runs, one after another for a repository. The runs and the trigger's end are
 * one transaction, so that a crash in between repeats nothing and loses nothing.
 */
export async function readInbox(services: Services, duty: Duty): Promise<number | null> {
  const repository = await findRepository(services.database, duty.id);
  if (!repository) {
    await dropDuty(services.database, duty.kind, duty.id);
    return null;
  }
  const took = await services.database.transaction(async (sql) => {
    const trigger = await nextTrigger(sql, repository.id);
    if (!trigger) return false;
    try {
      const runs = await start(services, { repository, trigger });
      for (const insert of runs) await insert.into(sql);
      await settleTrigger(sql, trigger.id, { state: 'done', runs: runs.map((run) => run.id), reason: null });
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.kind === 'unavailable') throw error;
      await settleTrigger(sql, trigger.id, { state: 'refused', runs: [], reason: error.located });
    }
    return true;
  });
  if (took) for (const hint of ['jobs', 'duty', 'events', 'run'] as const) services.hints.send(hint);
  return took ? 0 : 5_000;
}

function start(
  services: Services,
  { repository, trigger }: { readonly repository: RepositoryRow; readonly trigger: InboxRow },
) {
  const payload = trigger.payload as JsonObject;
  if (trigger.kind === 'push') {
    return startPushRuns(services, repository, {
      ref: String(payload.ref),
      before: payload.before === null ? null : String(payload.before),
      after: String(payload.after),
    });
  }
  return dispatchRun(services, repository, payload);
}

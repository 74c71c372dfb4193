import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { decide } from '@holdfast/core/pipeline/decide.ts';
import type { Run, RunEffect, RunEvent } from '@holdfast/core/pipeline/pipeline.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { ensureDuty, hastenDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { appendEvent } from '@holdfast/postgres/events/event-store.ts';
import { loadRun, requestJobCancel, saveRun } from '@holdfast/postgres/run/run-store.ts';
import { announce } from '../notify/announce.ts';
import type { Services } from '../services.ts';

/**
 * Load, decide, save state and effects, in the caller's transaction. A refusal (the job has ended
 * meanwhile) is answered, not thrown: late news are normal.
 */
export async function changeRun(
  services: Services,
  sql: Queryable,
  change: { readonly runId: string; readonly event: RunEvent },
): Promise<string | null> {
  const before = await loadRun(sql, change.runId);
  if (!before) throw new HoldfastError('runUnknown', `there is no run ${change.runId}`);
  const decided = decide(before, change.event, { expressions: services.expressions, newId });
  if (!decided.ok) return decided.refusal.sentence;
  const { run, effects } = decided.value;
  await saveRun(sql, before, run);
  for (const effect of effects) await applyEffect(sql, { run, effect });
  if (before.state !== run.state || effects.length > 0 || change.event.kind !== 'advance') {
    await appendEvent(sql, { topic: 'run', subject: run.id, kind: run.state, data: {} });
  }
  return null;
}

async function applyEffect(
  sql: Queryable,
  { run, effect }: { readonly run: Run; readonly effect: RunEffect },
): Promise<void> {
  switch (effect.kind) {
    case 'enqueueJob': {
      const job = run.jobs.find((candidate) => candidate.id === effect.jobId);
      if (job?.lane === 'controller') await ensureDuty(sql, 'controllerJob', effect.jobId);
      return;
    }
    case 'cancelJob':
      await requestJobCancel(sql, effect.jobId);
      return hastenDuty(sql, 'controllerJob', effect.jobId);
    case 'announceRunEnded':
      if (effect.state === 'failed')
        await announce(sql, { kind: 'runFailed', subject: run.id, sentence: failureSentence(run) });
  }
}

function failureSentence(run: Run): string {
  const failed = run.jobs.find((job) => job.state === 'failed' && !job.continueOnError);
  const { repository, ref_name: ref } = run.contexts.github;
  return `${run.definition.name} of ${repository} (${ref}) failed${failed ? ` in ${failed.name}${failed.reason ? `: ${failed.reason}` : ''}` : ''}`;
}

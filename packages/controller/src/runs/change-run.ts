import { HoldfastError } from '@holdfast/contract/errors.ts';
import { decide } from '@holdfast/core/pipeline/decide.ts';
import type { Run, RunEffect, RunEvent } from '@holdfast/core/pipeline/pipeline.ts';
import type { Expressions, LoadedRun, PipelineTransaction } from '@holdfast/core/pipeline/ports.ts';

/** What a decision about a run needs besides the store. */
export interface RunTools {
  readonly expressions: Expressions;
  readonly newId: () => string;
  /** Told when a job came into the queue: only then idle agents need to be woken. */
  readonly queued?: () => void;
}

/**
 * Load, decide, save state and effects, in the caller's transaction. What agents have told about the
 * run's jobs is heard first. A refusal (the job has ended meanwhile) is answered, not thrown: late
 * news are normal.
 */
export async function changeRun(
  tools: RunTools,
  tx: PipelineTransaction,
  change: { readonly runId: string; readonly event: RunEvent },
): Promise<string | null> {
  const loaded = await tx.loadRun(change.runId);
  if (!loaded) throw new HoldfastError('runUnknown', `there is no run ${change.runId}`);
  const before = loaded.run;
  let run = before;
  const effects: RunEffect[] = [];
  for (const event of eventsOf(loaded.reported, change.event)) {
    const decided = decide(run, event, tools);
    if (!decided.ok && event === change.event) return decided.refusal.sentence;
    if (!decided.ok) continue;
    run = decided.value.run;
    effects.push(...decided.value.effects);
  }
  await tx.saveRun(before, run);
  for (const effect of effects) await applyEffect(tx, { run, effect });
  if (effects.some((effect) => effect.kind === 'enqueueJob')) tools.queued?.();
  if (before.state !== run.state || effects.length > 0 || change.event.kind !== 'advance')
    await tx.appendEvent({ topic: 'run', subject: run.id, kind: run.state });
  return null;
}

function eventsOf(reported: LoadedRun['reported'], event: RunEvent): readonly RunEvent[] {
  const ended = [...reported].map(([jobId, result]): RunEvent => ({ kind: 'jobEnded', jobId, ...result }));
  return [...ended, event];
}

async function applyEffect(
  tx: PipelineTransaction,
  { run, effect }: { readonly run: Run; readonly effect: RunEffect },
): Promise<void> {
  switch (effect.kind) {
    case 'enqueueJob': {
      const job = run.jobs.find((candidate) => candidate.id === effect.jobId);
      if (job?.lane === 'controller') await tx.ensureDuty('controllerJob', effect.jobId);
      return;
    }
    case 'cancelJob':
      await tx.requestCancel(effect.jobId);
      return tx.hastenDuty('controllerJob', effect.jobId);
    case 'announceRunEnded':
      if (effect.state === 'failed')
        await tx.announce({ kind: 'runFailed', subject: run.id, sentence: failureSentence(run) });
  }
}

function failureSentence(run: Run): string {
  const failed = run.jobs.find((job) => job.state === 'failed' && !job.continueOnError);
  const { repository, ref_name: ref } = run.contexts.github;
  return `${run.definition.name} of ${repository} (${ref}) failed${failed ? ` in ${failed.name}${failed.reason ? `: ${failed.reason}` : ''}` : ''}`;
}

import { decideLoss, type Loss } from '@holdfast/core/pipeline/loss.ts';
import type { LeaseKey, PipelineTransaction } from '@holdfast/core/pipeline/ports.ts';
import { changeRun, type RunTools } from '../runs/change-run.ts';

/**
 * Takes a job back from its agent, if it is still held as it was seen, and does with it what core
 * decides: on from its last checkpoint elsewhere, from its first step, a question first, or its end.
 */
export async function takeBack(
  tools: RunTools,
  tx: PipelineTransaction,
  { seen, loss }: { readonly seen: LeaseKey; readonly loss: Loss },
): Promise<void> {
  const { reason } = loss;
  const job = await tx.heldJob(seen);
  if (!job) return;
  const decision = decideLoss(job.lost, loss);
  if (decision.kind === 'end') {
    await tx.loseAttempts(job.jobId, reason);
    const { conclusion, reason: why } = decision;
    await changeRun(tools, tx, {
      runId: job.runId,
      event: { kind: 'jobEnded', jobId: job.jobId, conclusion, outputs: {}, reason: why },
    });
    return;
  }
  const { from, checkpoint, ask } = decision;
  await tx.giveBack(seen, { reason, lost: loss.lost, from, checkpoint, ask });
  await tx.appendEvent({
    topic: 'run',
    subject: job.runId,
    kind: ask === null ? 'jobLost' : 'jobAsks',
    data: { job: job.jobId, reason, resume: from },
  });
  if (ask !== null)
    await tx.announce({ kind: 'jobAsks', subject: job.jobId, sentence: `a job asks: ${ask}` });
}

/** Everything an agent holds. */
export async function takeAllBack(
  tools: RunTools,
  tx: PipelineTransaction,
  from: { readonly agentId: string; readonly reason: string; readonly lost: boolean },
): Promise<void> {
  for (const seen of await tx.leasesOf(from.agentId))
    await takeBack(tools, tx, { seen, loss: { lost: from.lost, spoilt: null, reason: from.reason } });
}

import { labelsMatch } from '@holdfast/core/pipeline/labels.ts';
import type { Claimant } from '@holdfast/core/pipeline/ports.ts';
import { isHeld, type ModelJob } from './model-tables.ts';

/** The jobs a claimant gets: the least served repository's first, none beyond its limit. */
export function nextInTurn(
  jobs: readonly ModelJob[],
  claimant: Claimant,
  { now, perRepository }: { readonly now: number; readonly perRepository: number },
): readonly ModelJob[] {
  const taken = new Map<string, number>();
  for (const job of jobs) if (isHeld(job)) taken.set(job.repository, (taken.get(job.repository) ?? 0) + 1);
  const waiting = jobs
    .filter((job) => job.state === 'queued' && job.agentId === null && job.lane === 'agent' && !job.cancel)
    .filter((job) => job.queuedAt <= now - claimant.standBackMs && labelsMatch(job.labels, claimant.labels))
    .sort((a, b) => a.queuedAt - b.queuedAt || a.ordinal - b.ordinal);
  const turns = waiting.map((job) => {
    const turn = (taken.get(job.repository) ?? 0) + 1;
    taken.set(job.repository, turn);
    return { job, turn };
  });
  return turns
    .filter(({ turn }) => turn <= perRepository)
    .sort((a, b) => a.turn - b.turn || a.job.queuedAt - b.job.queuedAt)
    .slice(0, Math.max(0, claimant.slots))
    .map(({ job }) => job);
}

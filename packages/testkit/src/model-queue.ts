import { labelsMatch } from '@holdfast/core/pipeline/labels.ts';
import type { Claimant } from '@holdfast/core/pipeline/ports.ts';
import { isHeld, type ModelJob, type Tables } from './model-tables.ts';

/** The jobs a claimant gets: the least served repository's first, none beyond its limit. */
export function nextInTurn(
  tables: Tables,
  claimant: Claimant,
  { now, perRepository }: { readonly now: number; readonly perRepository: number },
): readonly ModelJob[] {
  const jobs = [...tables.jobs.values()];
  const others = [...tables.agents.values()].filter(
    ({ host, slots, state, intent, holdsBack }) =>
      !host && slots > 0 && state === 'online' && intent === 'work' && holdsBack === null,
  );
  const standsBack = ({ queuedAt, labels }: ModelJob) =>
    claimant.standBackMs !== 0 &&
    queuedAt > now - claimant.standBackMs &&
    others.some((other) => labelsMatch(labels, other.labels));
  const taken = new Map<string, number>();
  for (const job of jobs) if (isHeld(job)) taken.set(job.repository, (taken.get(job.repository) ?? 0) + 1);
  const waiting = jobs
    .filter((job) => job.state === 'queued' && job.agentId === null && job.lane === 'agent' && !job.cancel)
    .filter((job) => labelsMatch(job.labels, claimant.labels) && !standsBack(job))
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

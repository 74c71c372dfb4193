import { isEnded, type Job, type Run } from './pipeline.ts';

/**
 * A run again, but not all of it: what has succeeded is carried over with its outputs, the rest and whatever needs it
 * is done anew by the machine of the new run.
 */
export type Again = { readonly kind: 'all' | 'failed' } | { readonly kind: 'job'; readonly job: string };

/** The jobs that the new run begins with; a string: why it cannot be. */
export function carriedJobs(
  old: Pick<Run, 'state' | 'definition' | 'jobs'>,
  again: Again,
  newId: () => string,
): readonly Job[] | string {
  if (again.kind === 'all') return [];
  if (!isEnded(old.state)) return `the run is still ${old.state}; wait for its end, or cancel it`;
  const keys = old.definition.jobs.map(({ key }) => key);
  const ofKey = (key: string) => old.jobs.filter((job) => job.key === key);
  const whole = (key: string) => ofKey(key).length > 0 && ofKey(key).every(isPassed);
  if (again.kind === 'job' && !keys.includes(again.job))
    return `there is no job ${again.job}, expected one of ${keys.join(', ')}`;
  if (again.kind === 'failed' && keys.every(whole)) return 'nothing in it has failed';
  const anew = new Set(keys.filter((key) => !whole(key) || (again.kind === 'job' && key === again.job)));
  const began = new Set(anew);
  // Whoever needs what is done anew is done anew, too; a job may stand before what it needs.
  for (let before = -1; before !== anew.size; ) {
    before = anew.size;
    for (const { key, needs } of old.definition.jobs) if (needs.some((need) => anew.has(need))) anew.add(key);
  }
  const needsNothingNew = (key: string) =>
    !(old.definition.jobs.find((job) => job.key === key)?.needs ?? []).some((need) => anew.has(need));
  return old.jobs.flatMap((job) => {
    if (!anew.has(job.key)) return [{ ...job, id: newId() }];
    // Of a matrix only the combinations that failed, unless they are made of what is done anew.
    const partly =
      again.kind === 'failed' && began.has(job.key) && job.matrix !== null && needsNothingNew(job.key);
    if (!partly) return [];
    return isPassed(job)
      ? [{ ...job, id: newId() }]
      : [{ ...job, id: newId(), state: 'waiting' as const, outputs: {}, reason: null, asks: null }];
  });
}

function isPassed({ state }: Job): boolean {
  return state === 'succeeded';
}

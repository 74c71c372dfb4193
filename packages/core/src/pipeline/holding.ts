import type { LeaseView } from './ports.ts';

/**
 * What an agent does with the list of what it holds: the list is complete, so a job that is not on it,
 * or is on it under another epoch, is somebody else's by now. A lease without a job here lost its
 * grant on the way, or broke; its grant is asked for again.
 */
export interface Heard<Grant> {
  /** To be stopped at once, without a further word. */
  readonly fence: readonly string[];
  readonly cancel: readonly string[];
  readonly take: readonly Grant[];
  /** Left over from an earlier life and held by somebody else: their steps must not run on. */
  readonly drop: readonly string[];
  /** To be named in the next exchange. */
  readonly wanted: readonly string[];
}

export function hearLeases<Grant extends { readonly jobId: string }>(
  /** Jobs that run here, with their epochs. */
  mine: ReadonlyMap<string, number>,
  wanted: readonly string[],
  answer: { readonly leases: readonly LeaseView[]; readonly grants: readonly Grant[] },
): Heard<Grant> {
  const leases = new Map(answer.leases.map((lease) => [lease.jobId, lease]));
  const take = answer.grants.filter((grant) => !mine.has(grant.jobId));
  const taken = new Set(take.map((grant) => grant.jobId));
  return {
    fence: [...mine].filter(([id, epoch]) => leases.get(id)?.epoch !== epoch).map(([id]) => id),
    cancel: [...mine]
      .filter(([id, epoch]) => leases.get(id)?.epoch === epoch && leases.get(id)?.cancel)
      .map(([id]) => id),
    take,
    drop: wanted.filter((id) => !mine.has(id) && !taken.has(id)),
    wanted: answer.leases
      .filter((lease) => lease.acknowledged && !mine.has(lease.jobId) && !taken.has(lease.jobId))
      .map((lease) => lease.jobId),
  };
}

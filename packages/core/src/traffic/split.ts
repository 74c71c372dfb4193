import { type SnapshotContent, type TrafficGroup, WHOLE } from './traffic.ts';

/**
 * Sticky: a bucket 0..9999 drawn once for a user decides for good. The candidate takes buckets from
 * the bottom, the baseline from the top, so that a growing candidate only ever gains users: the
 * choice is monotonic and the same on every router without shared state.
 */
export function groupOfBucket(groups: readonly TrafficGroup[], bucket: number): TrafficGroup | null {
  const share = (name: string) => groups.find((group) => group.name === name)?.share ?? 0;
  const find = (name: string) => groups.find((group) => group.name === name && group.share > 0);
  if (bucket < share('candidate')) return find('candidate') ?? null;
  if (bucket >= WHOLE - share('baseline')) return find('baseline') ?? null;
  return find('stable') ?? find('candidate') ?? find('baseline') ?? null;
}

/** Without stickiness: smooth weighted round robin (the nginx algorithm) over counts. */
export class SmoothChoice {
  private readonly credit = new Map<string, number>();

  next(groups: readonly TrafficGroup[]): TrafficGroup | null {
    let best: TrafficGroup | null = null;
    let total = 0;
    for (const group of groups) {
      if (group.share <= 0) continue;
      total += group.share;
      const credit = (this.credit.get(group.name) ?? 0) + group.share;
      this.credit.set(group.name, credit);
      if (best === null || credit > (this.credit.get(best.name) ?? 0)) best = group;
    }
    if (best) this.credit.set(best.name, (this.credit.get(best.name) ?? 0) - total);
    return best;
  }
}

/**
 * Shares that can be served: a group without an upstream gives its share to stable, and when
 * stable itself has none, to whoever has. Never points traffic at an empty group.
 */
export function servable(content: SnapshotContent): SnapshotContent {
  const alive = content.groups.filter((group) => group.upstreams.length > 0 && group.share > 0);
  const lost = WHOLE - alive.reduce((sum, group) => sum + group.share, 0);
  const spare = content.groups.filter((group) => group.upstreams.length > 0);
  const heir =
    spare.find((group) => group.name === 'stable') ?? spare.find((group) => group.share > 0) ?? spare[0];
  const groups = content.groups.map((group) => {
    if (group.upstreams.length === 0) return { ...group, share: 0 };
    return group === heir ? { ...group, share: group.share + lost } : group;
  });
  return { ...content, groups };
}

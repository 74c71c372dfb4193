import { invariant } from '../kernel/invariant.ts';
import { type SnapshotContent, WHOLE } from './traffic.ts';

export function checkSnapshot(content: SnapshotContent): void {
  const served = content.groups.filter((group) => group.share > 0);
  for (const group of served) {
    invariant(
      group.upstreams.length > 0,
      `group ${group.name} has a share of ${group.share} and no instance`,
    );
  }
  const total = served.reduce((sum, group) => sum + group.share, 0);
  invariant(total === 0 || total === WHOLE, `the shares add up to ${total}, expected ${WHOLE}`);
}

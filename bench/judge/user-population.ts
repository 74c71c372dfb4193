import type { Random } from './random.ts';
import { type Scenario, WHOLE } from './scenario.ts';

/**
 * Sticky users who stay for the whole rollout: each loads a page of four requests once a minute, 2 % of
 * them are bad, and only they fail on the stable release (a broken account, an old browser), the whole page
 * at once. A user's bucket decides the arm for good, as in core/traffic/split.ts, so one arm may have more
 * bad users than its share: reference/measured.md §2.
 */
const PAGE_REQUESTS = 4;
const PAGES_PER_SECOND = 1 / 60;
const BAD_SHARE = 0.02;

/** Buckets of users, from inclusive, to exclusive. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

interface User {
  readonly bucket: number;
  readonly bad: boolean;
}

export class UserPopulation {
  /** By bucket. */
  private readonly users: readonly User[];
  /** How many users have a bucket below this one. */
  private readonly below: Uint32Array;
  /** Chance that a bad user's page fails. */
  private readonly failing: number;

  constructor({ requestsPerSecond, baseError }: Scenario, random: Random) {
    const length = Math.round(requestsPerSecond / PAGE_REQUESTS / PAGES_PER_SECOND);
    this.users = Array.from({ length }, () => ({
      bucket: Math.floor(random.next() * WHOLE),
      bad: random.next() < BAD_SHARE,
    })).sort((a, b) => a.bucket - b.bucket);
    this.below = countBelow(this.users);
    this.failing = Math.min(1, baseError / BAD_SHARE);
  }

  /** `extra`: chance that a page fails whoever asks for it. */
  second({ from, to }: Range, { extra, random }: { readonly extra: number; readonly random: Random }) {
    const first = this.below[from] as number;
    const many = (this.below[to] as number) - first;
    const pages = random.poisson(PAGES_PER_SECOND * many);
    const seen = new Set<number>();
    const failedBuckets = new Set<number>();
    let failedPages = 0;
    for (let page = 0; page < pages; page += 1) {
      const { bucket, bad } = this.users[first + Math.floor(random.next() * many)] as User;
      seen.add(bucket);
      if (!(bad && random.next() < this.failing) && !(extra > 0 && random.next() < extra)) continue;
      failedPages += 1;
      failedBuckets.add(bucket);
    }
    return {
      requests: pages * PAGE_REQUESTS,
      failed: failedPages * PAGE_REQUESTS,
      units: seen.size,
      failedUnits: failedBuckets.size,
      failedBuckets: [...failedBuckets],
    };
  }
}

function countBelow(users: readonly User[]): Uint32Array {
  const below = new Uint32Array(WHOLE + 1);
  for (const { bucket } of users) below[bucket + 1] = (below[bucket + 1] as number) + 1;
  for (let bucket = 1; bucket <= WHOLE; bucket += 1) {
    below[bucket] = (below[bucket] as number) + (below[bucket - 1] as number);
  }
  return below;
}

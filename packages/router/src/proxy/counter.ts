import type { GroupCounts } from '@holdfast/contract/router/protocol.ts';
import { bucketOf } from '@holdfast/core/analysis/histogram.ts';
import type { TrafficGroup } from '@holdfast/core/traffic/traffic.ts';

/**
 * Counts by group and second. Where users are sticky, the unit of judgement is (user bucket,
 * second), counted once: one unlucky user with a page of forty failing requests is one failure.
 * A second is handed over when it is closed and kept until a controller took it.
 */
interface Open {
  requests: number;
  failed: number;
  /** Of users who are known; null: nobody is. */
  users: Set<number> | null;
  failedUsers: Set<number> | null;
  /** Requests of nobody that is known: each is a unit. */
  anonymous: number;
  failedAnonymous: number;
  readonly latency: Map<number, number>;
  readonly group: Pick<TrafficGroup, 'name' | 'release'>;
}

export interface Interval {
  readonly second: number;
  readonly groups: GroupCounts[];
}

const KEPT_SECONDS = 600;

export class Counter {
  private second = 0;
  private open = new Map<string, Open>();
  /** Nearly always the next one, too. */
  private last: Open | null = null;
  private waiting: Interval[] = [];
  private readonly clock: () => number;

  constructor(clock: () => number) {
    this.clock = clock;
  }

  count(
    group: Pick<TrafficGroup, 'name' | 'release'>,
    answer: { readonly failed: boolean; readonly ms: number; readonly bucket: number | null },
  ): void {
    this.turn();
    const entry = this.entryOf(group);
    const failed = answer.failed ? 1 : 0;
    entry.requests += 1;
    entry.failed += failed;
    if (answer.bucket === null) {
      entry.anonymous += 1;
      entry.failedAnonymous += failed;
    } else {
      entry.users ??= new Set();
      entry.users.add(answer.bucket);
      entry.failedUsers ??= new Set();
      if (answer.failed) entry.failedUsers.add(answer.bucket);
    }
    const bucket = bucketOf(answer.ms);
    entry.latency.set(bucket, (entry.latency.get(bucket) ?? 0) + 1);
  }

  /** Closed seconds, oldest first; the same again until they are forgotten. */
  closed(): Interval[] {
    this.turn();
    return this.waiting.slice(0, 30);
  }

  forget(taken: readonly Interval[]): void {
    const seconds = new Set(taken.map((interval) => interval.second));
    this.waiting = this.waiting.filter((interval) => !seconds.has(interval.second));
  }

  private turn(): void {
    const now = Math.floor(this.clock() / 1000);
    if (now === this.second) return;
    if (this.open.size > 0) {
      this.waiting.push({ second: this.second, groups: [...this.open.values()].map(close) });
      if (this.waiting.length > KEPT_SECONDS) this.waiting.shift();
      this.open = new Map();
      this.last = null;
    }
    this.second = now;
  }

  private entryOf(group: Pick<TrafficGroup, 'name' | 'release'>): Open {
    if (this.last?.group === group) return this.last;
    const key = `${group.name} ${group.release}`;
    const known = this.open.get(key);
    if (known) {
      this.last = known;
      return known;
    }
    const made: Open = {
      requests: 0,
      failed: 0,
      users: null,
      failedUsers: null,
      anonymous: 0,
      failedAnonymous: 0,
      latency: new Map(),
      group,
    };
    this.open.set(key, made);
    this.last = made;
    return made;
  }
}

function close(open: Open): GroupCounts {
  return {
    name: open.group.name,
    release: open.group.release,
    requests: open.requests,
    failed: open.failed,
    units: (open.users?.size ?? 0) + open.anonymous,
    failedUnits: (open.failedUsers?.size ?? 0) + open.failedAnonymous,
    failedUsers: open.failedUsers && [...open.failedUsers],
    latency: Object.fromEntries(open.latency),
  };
}

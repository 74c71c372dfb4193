import { groupOfBucket, SmoothChoice } from '@holdfast/core/traffic/split.ts';
import {
  compareVersion,
  type Snapshot,
  type TrafficGroup,
  type Upstream,
  WHOLE,
} from '@holdfast/core/traffic/traffic.ts';
import { type ConnectionCount, Instance } from './instance.ts';

/**
 * The snapshot in a form a request can be answered from. Swapping it and claiming an instance both
 * happen without a pause in between (one thread), so that no request can claim an instance that a
 * newer snapshot has let go of; the acknowledgement is sent after the swap.
 */
export interface Claim {
  readonly group: TrafficGroup;
  readonly instance: Instance;
}

export interface Route {
  readonly bucket: number | null;
  /** It asked for the candidate by name, or came in by the preview address. */
  readonly toCandidate: boolean;
  readonly exclude: ReadonlySet<string>;
}

/** A swap waits no longer than this for connections. */
const AHEAD_LIMIT_MS = 100;
/** To one instance: what a burst needs more, it opens. */
const AHEAD_AT_MOST = 48;

const NOBODY: ReadonlySet<string> = new Set();

/** The first of two that are equally busy. */
function lessBusy(one: Instance | null, other: Instance): Instance {
  return one !== null && one.inFlight <= other.inFlight ? one : other;
}

export class RoutingTable {
  private snapshot: Snapshot | null = null;
  private readonly instances = new Map<string, Instance>();
  /** By object, not by id: an instance that comes back and leaves again is another one with its own requests. */
  private readonly leaving = new Set<Instance>();
  private readonly choice = new SmoothChoice();
  private turn = 0;
  private closing = false;
  private swapped: (snapshot: Snapshot) => void = () => {};
  private readonly headersTimeoutMs: number;

  constructor(options: { readonly headersTimeoutMs: number }) {
    this.headersTimeoutMs = options.headersTimeoutMs;
  }

  get current(): Snapshot | null {
    return this.snapshot;
  }

  /** Told of the snapshot that is there, and of each later one. */
  onSwap(listener: (snapshot: Snapshot) => void): void {
    this.swapped = listener;
    if (this.snapshot) listener(this.snapshot);
  }

  /**
   * Swaps as soon as the instances that get more traffic by it have the connections for it: else the
   * first users of a new release would wait until they are opened. false: a newer snapshot came first.
   */
  async turnTo(snapshot: Snapshot): Promise<boolean> {
    const upstreams = snapshot.groups.flatMap((group) => group.upstreams);
    const coming = new Map(
      upstreams.filter(({ id }) => !this.instances.has(id)).map((one) => [one.id, this.newInstance(one)]),
    );
    // What goes wrong with an instance is its own affair, and shows when it is asked.
    await Promise.allSettled(this.openAhead(snapshot, (id) => coming.get(id) ?? this.instances.get(id)));
    const isNewest = this.snapshot === null || compareVersion(snapshot, this.snapshot) >= 0;
    if (isNewest) this.swap(snapshot, coming);
    for (const [id, instance] of coming) if (this.instances.get(id) !== instance) void instance.destroy();
    return isNewest;
  }

  private openAhead(
    { groups }: Snapshot,
    instanceOf: (id: string) => Instance | undefined,
  ): readonly Promise<void>[] {
    const kept = [...this.instances.values()].map((instance) => instance.kept);
    const count = (kind: keyof ConnectionCount, part: number) => {
      const each = kept.map((one) => one[kind]);
      const sum = each.reduce((all, one) => all + one, 0);
      // No more than the instance that keeps most: an app may have a thread for each of so many.
      return Math.min(Math.ceil(sum * part), Math.max(0, ...each), AHEAD_AT_MOST);
    };
    return groups.flatMap(({ share, upstreams }) => {
      const part = share / WHOLE / upstreams.length;
      const wanted = { reused: count('reused', part), fresh: count('fresh', part) };
      return upstreams.map(async ({ id }) => instanceOf(id)?.openAhead(wanted, AHEAD_LIMIT_MS));
    });
  }

  private newInstance(upstream: Upstream): Instance {
    return new Instance(upstream, { headersTimeoutMs: this.headersTimeoutMs });
  }

  swap(snapshot: Snapshot, coming: ReadonlyMap<string, Instance> = new Map()): void {
    const named = new Map(
      snapshot.groups.flatMap((group) => group.upstreams).map((upstream) => [upstream.id, upstream]),
    );
    for (const [id, upstream] of named) {
      if (!this.instances.has(id)) this.instances.set(id, coming.get(id) ?? this.newInstance(upstream));
    }
    this.snapshot = snapshot;
    this.swapped(snapshot);
    for (const [id, instance] of this.instances) {
      if (named.has(id)) continue;
      this.instances.delete(id);
      this.leaving.add(instance);
      void instance.release().finally(() => this.leaving.delete(instance));
    }
  }

  /** Chooses by bucket or by turns, then the least busy instance of the group; falls over to another group. */
  claim(route: Route, now: number): Claim | null {
    if (!this.snapshot) return null;
    const { groups } = this.snapshot;
    const first = this.firstGroup(route, groups);
    const claimed = first && this.claimOf(first, route, now);
    if (claimed) return claimed;
    for (const group of groups) {
      if (group === first || (first && group.share <= 0)) continue;
      const other = this.claimOf(group, route, now);
      if (other) return other;
    }
    return null;
  }

  private claimOf(group: TrafficGroup, route: Route, now: number): Claim | null {
    const instance = this.pick(group, route, now);
    if (!instance) return null;
    instance.begin();
    return { group, instance };
  }

  private firstGroup({ bucket, toCandidate }: Route, groups: readonly TrafficGroup[]): TrafficGroup | null {
    const candidate = toCandidate ? groups.find((group) => group.name === 'candidate') : undefined;
    if (candidate && candidate.upstreams.length > 0) return candidate;
    return bucket === null ? this.choice.next(groups) : groupOfBucket(groups, bucket);
  }

  /** One of the candidate's instances for a copied request; null: none, or it is busy enough. */
  claimMirror(limit: number, now: number): Claim | null {
    const group = this.snapshot?.groups.find(({ name }) => name === 'candidate');
    const instance = group ? this.pick(group, { exclude: NOBODY }, now) : null;
    if (!group || !instance || instance.inFlight >= limit) return null;
    instance.begin();
    return { group, instance };
  }

  private pick(group: TrafficGroup, route: Pick<Route, 'exclude'>, now: number): Instance | null {
    this.turn += 1;
    let warm: Instance | null = null;
    let cool: Instance | null = null;
    const { upstreams } = group;
    for (let offset = 0; offset < upstreams.length; offset += 1) {
      const { id } = upstreams[(this.turn + offset) % upstreams.length] as Upstream;
      const instance = route.exclude.has(id) ? undefined : this.instances.get(id);
      if (!instance) continue;
      if (instance.isCool(now)) cool = lessBusy(cool, instance);
      else warm = lessBusy(warm, instance);
    }
    return warm ?? cool;
  }

  /** What is in flight on instances that a snapshot has let go of: the drain waits for these. */
  draining(): { readonly [instance: string]: number } {
    const busy: Record<string, number> = {};
    for (const { inFlight, upstream } of this.leaving)
      if (inFlight > 0) busy[upstream.id] = (busy[upstream.id] ?? 0) + inFlight;
    return busy;
  }

  isLeaving(instance: Instance): boolean {
    return this.closing || this.instances.get(instance.upstream.id) !== instance;
  }

  /** This worker goes: whatever is upgraded is told so. */
  startClosing(): void {
    this.closing = true;
  }

  async close(): Promise<void> {
    await Promise.all([...this.instances.values()].map((instance) => instance.destroy()));
  }
}

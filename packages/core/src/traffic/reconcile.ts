import { canonicalJson, type Json } from '../kernel/json.ts';
import { servable } from './split.ts';
import {
  type CandidateAccess,
  compareVersion,
  type GroupName,
  type Instance,
  type RouterWorker,
  type Snapshot,
  type SnapshotContent,
  type Stickiness,
  type Version,
} from './traffic.ts';

/**
 * From what is wanted and what is there to the next small step. Called again and again; says
 * nothing when there is nothing to do. The order that keeps requests alive:
 *
 *   wanted no more → left out of a snapshot → every worker acknowledged it → nothing in flight
 *   → only then told to stop
 *
 * A worker that stays mute holds this up until it counts as lost (five minutes); what is in flight at
 * the drain deadline is an event with its number.
 */
export interface WantedGroup {
  readonly name: GroupName;
  readonly release: string;
  readonly replicas: number;
  readonly share: number;
}

export interface Host {
  readonly agent: string;
  readonly zone: string;
  readonly address: string;
}

export interface FleetView {
  readonly wanted: readonly WantedGroup[];
  readonly access: CandidateAccess;
  /** At most so many instances of a rollout's releases at once, draining ones included and those at leaving hosts not; null: no limit. */
  readonly ceiling: number | null;
  readonly instances: readonly Instance[];
  readonly hosts: readonly Host[];
  /** Agents that were asked to go: what runs there serves until its successor is ready elsewhere. */
  readonly leaving: readonly string[];
  readonly workers: readonly RouterWorker[];
  readonly snapshot: Snapshot;
  readonly sticky: Stickiness;
  readonly drainDeadlineMs: number;
  /** An aborted candidate is stopped although a router is mute: it then fails over to stable. */
  readonly abandonAfterMs: number;
  readonly routerLostMs: number;
  readonly now: number;
}

export type FleetEffect =
  | { readonly kind: 'start'; readonly group: GroupName; readonly release: string; readonly agent: string }
  | { readonly kind: 'regroup'; readonly instance: string; readonly group: GroupName }
  | { readonly kind: 'publish'; readonly content: SnapshotContent }
  | { readonly kind: 'drain'; readonly instance: string }
  | { readonly kind: 'excluded'; readonly instance: string; readonly by: Version }
  | { readonly kind: 'stop'; readonly instance: string; readonly lost: number; readonly why: string };

const CRASHES_KEPT = 3;
const CRASH_WINDOW_MS = 60_000;

export function reconcile(view: FleetView): readonly FleetEffect[] {
  const assigned = assign(view);
  const regrouped = assigned.keep.flatMap(({ instance, group }): FleetEffect[] =>
    instance.group === group ? [] : [{ kind: 'regroup', instance: instance.id, group }],
  );
  const drained = assigned.surplus.map((instance): FleetEffect => ({ kind: 'drain', instance: instance.id }));
  return [
    ...regrouped,
    ...drained,
    ...startMissing(view, assigned.keep),
    ...publish(view, assigned.keep),
    ...finish(view),
  ];
}

interface Assigned {
  readonly keep: readonly { readonly instance: Instance; readonly group: GroupName }[];
  readonly surplus: readonly Instance[];
}

function isAlive(instance: Instance): boolean {
  return instance.desired === 'run' && hasProcess(instance);
}

function hasProcess(instance: Instance): boolean {
  return instance.state !== 'stopped' && instance.state !== 'crashed';
}

/** Its host went silent. It may well serve; it is replaced where another host is there to do so. */
function isStranded(view: FleetView, instance: Instance): boolean {
  const known = view.hosts.some((host) => host.agent === instance.agent) || isLeaving(view, instance);
  return view.hosts.length > 0 && !known && instance.state !== 'ready';
}

function isLeaving(view: FleetView, instance: Instance): boolean {
  return view.leaving.includes(instance.agent);
}

/** Which living instance serves which wanted group: those already in it first, ready ones first, oldest first. */
function assign(view: FleetView): Assigned {
  const free = new Set(view.instances.filter((instance) => isAlive(instance) && !isStranded(view, instance)));
  const keep: { instance: Instance; group: GroupName }[] = [];
  for (const group of view.wanted) {
    const fit = [...free].filter((instance) => instance.release === group.release);
    fit.sort(
      (a, b) =>
        rank(a, group.name) - rank(b, group.name) || a.createdAt - b.createdAt || compareText(a.id, b.id),
    );
    const own = fit.filter((instance) => instance.group === group.name);
    // Only where its own are too few, those that leave among them: who takes a place is not taken from another group.
    const others = fit
      .filter((instance) => instance.group !== group.name && !isLeaving(view, instance))
      .slice(0, Math.max(0, group.replicas - own.length));
    const staying = [...own.filter((instance) => !isLeaving(view, instance)), ...others].slice(
      0,
      group.replicas,
    );
    const unready = group.replicas - staying.filter((instance) => instance.state === 'ready').length;
    const leaving = fit.filter((instance) => isLeaving(view, instance)).slice(0, unready);
    for (const instance of [...staying, ...leaving]) {
      free.delete(instance);
      keep.push({ instance, group: group.name });
    }
  }
  return { keep, surplus: [...free] };
}

/** Another group's own instances are taken last, so that a fresh baseline does not steal from stable. */
function rank(instance: Instance, group: GroupName): number {
  return (instance.group === group ? 0 : 2) + (instance.state === 'ready' ? 0 : 1);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function startMissing(view: FleetView, keep: Assigned['keep']): FleetEffect[] {
  const load = new Map(view.hosts.map((host) => [host.agent, 0]));
  for (const { instance } of keep) load.set(instance.agent, (load.get(instance.agent) ?? 0) + 1);
  // The hot previous fleet stands beside a rollout and is none of its instances; what leaves has its place taken.
  const counted = view.instances.filter(
    (instance) => hasProcess(instance) && instance.group !== 'previous' && !isLeaving(view, instance),
  );
  let room = view.ceiling === null ? Infinity : view.ceiling - counted.length;
  return view.wanted.flatMap((group) => {
    const held = keep.filter(
      (entry) => entry.group === group.name && !isLeaving(view, entry.instance),
    ).length;
    const missing = Math.max(0, Math.min(room, group.replicas - held));
    if (missing === 0 || view.hosts.length === 0 || isCrashLooping(view, group.release)) return [];
    room -= missing;
    return Array.from({ length: missing }, (): FleetEffect => {
      const agent = leastLoaded(view.hosts, load);
      load.set(agent, (load.get(agent) ?? 0) + 1);
      return { kind: 'start', group: group.name, release: group.release, agent };
    });
  });
}

/** A release that keeps crashing is not started for ever; the window passes, then it is tried again. */
export function isCrashLooping(view: Pick<FleetView, 'instances' | 'now'>, release: string): boolean {
  const recent = view.instances.filter(
    (instance) =>
      instance.release === release &&
      instance.state === 'crashed' &&
      view.now - instance.createdAt < CRASH_WINDOW_MS,
  );
  return recent.length >= CRASHES_KEPT;
}

/** Spread over zones first, then over the hosts of a zone. */
function leastLoaded(hosts: readonly Host[], load: ReadonlyMap<string, number>): string {
  const zoneLoad = (zone: string) =>
    hosts.filter((host) => host.zone === zone).reduce((sum, host) => sum + (load.get(host.agent) ?? 0), 0);
  const ordered = [...hosts].sort(
    (a, b) =>
      zoneLoad(a.zone) - zoneLoad(b.zone) ||
      (load.get(a.agent) ?? 0) - (load.get(b.agent) ?? 0) ||
      compareText(a.agent, b.agent),
  );
  return (ordered[0] as Host).agent;
}

function publish(view: FleetView, keep: Assigned['keep']): FleetEffect[] {
  const content = servable({
    sticky: view.sticky,
    drainDeadlineMs: view.drainDeadlineMs,
    access: view.access,
    groups: view.wanted.map((group) => ({
      name: group.name,
      release: group.release,
      share: group.share,
      upstreams: keep
        .filter((entry) => entry.group === group.name && entry.instance.state === 'ready')
        .map(({ instance }) => ({ id: instance.id, host: instance.host, port: instance.port ?? 0 }))
        .sort((a, b) => compareText(a.id, b.id)),
    })),
  });
  const { sticky, drainDeadlineMs, access, groups } = view.snapshot;
  // Nothing ready is worse than what routers know: they route on and find out who answers.
  const emptied =
    view.wanted.some((group) => group.replicas > 0) &&
    content.groups.every((group) => group.upstreams.length === 0) &&
    groups.some((group) => group.upstreams.length > 0);
  if (emptied) return [];
  const same =
    canonicalJson({ sticky, drainDeadlineMs, access, groups } as unknown as Json) ===
    canonicalJson(content as unknown as Json);
  return same ? [] : [{ kind: 'publish', content }];
}

/** Draining instances: note which snapshot let go of them, and stop those that nothing uses. */
function finish(view: FleetView): FleetEffect[] {
  const named = new Set(
    view.snapshot.groups.flatMap((group) => group.upstreams.map((upstream) => upstream.id)),
  );
  return view.instances.flatMap((instance): FleetEffect[] => {
    if (instance.desired !== 'drain') return [];
    if (named.has(instance.id)) return [];
    if (instance.excludedBy === null) {
      const { generation, revision } = view.snapshot;
      return [{ kind: 'excluded', instance: instance.id, by: { generation, revision } }];
    }
    const verdict = letGo(view, instance, instance.excludedBy);
    return verdict ? [{ kind: 'stop', instance: instance.id, ...verdict }] : [];
  });
}

function letGo(
  view: FleetView,
  instance: Instance,
  excludedBy: Version,
): { lost: number; why: string } | null {
  const gone = instance.state === 'stopped' || instance.state === 'crashed';
  if (gone) return { lost: 0, why: `it has ${instance.state} by itself` };
  const workers = view.workers.filter((worker) => worker.silenceMs < view.routerLostMs);
  const mute = workers.filter((worker) => compareVersion(worker.acknowledged, excludedBy) < 0);
  const inFlight = workers.reduce((sum, worker) => sum + (worker.inFlight[instance.id] ?? 0), 0);
  const elapsed = view.now - (instance.drainSince ?? view.now);
  if (mute.length === 0 && inFlight === 0)
    return { lost: 0, why: 'every router let go of it and nothing is in flight' };
  // A mute router may still send requests here; it holds up the stop until it counts as lost.
  if (elapsed >= view.drainDeadlineMs && mute.length === 0) {
    return {
      lost: inFlight,
      why: `the drain deadline passed with ${inFlight} in flight`,
    };
  }
  const silent = mute.length > 0 && mute.every((worker) => worker.silenceMs >= view.abandonAfterMs);
  if (instance.group === 'candidate' && silent && inFlight === 0) {
    return { lost: 0, why: `${mute.length} router workers did not acknowledge; they fail over to stable` };
  }
  return null;
}

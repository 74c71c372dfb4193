import { startHindrance, trafficHindrance } from '@holdfast/core/migration/schema-range.ts';
import { type Desire, desire } from '@holdfast/core/rollout/desire.ts';
import type { ArmFleet, Observation, Rollout } from '@holdfast/core/rollout/rollout.ts';
import type { FleetView, Host } from '@holdfast/core/traffic/reconcile.ts';
import { compareVersion, type Instance } from '@holdfast/core/traffic/traffic.ts';
import { listHosts } from '@holdfast/postgres/agent/agent-store.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { migrationsOf } from '@holdfast/postgres/migration/migration-store.ts';
import { findRelease, type ReleaseRow } from '@holdfast/postgres/release/release-store.ts';
import { approvalsOf } from '@holdfast/postgres/rollout/approval-store.ts';
import type { EnvironmentRow } from '@holdfast/postgres/rollout/environment-store.ts';
import { instanceOf, instancesOf } from '@holdfast/postgres/rollout/instance-store.ts';
import { forgetWorker, requestsPerSecond, workersOf } from '@holdfast/postgres/rollout/router-store.ts';
import { announce } from '../notify/announce.ts';
import { contentDigest } from '../releases/content-digest.ts';
import { databaseNow } from '../releases/start-rollout.ts';
import { blockedBy } from './blocked.ts';
import { stickinessOf } from './stickiness.ts';

const ROUTER_LOST_MS = 300_000;
const ABANDON_AFTER_MS = 2_000;

export function nameOf(environment: Pick<EnvironmentRow, 'app' | 'name'>): string {
  return `${environment.app}/${environment.name}`;
}

/** What waits for people, for a freeze to end or for the schema has no say yet. */
function waits({ state }: Rollout): boolean {
  return state === 'planned' || state === 'awaitingApproval' || state === 'expanding';
}

/** What the duty of an environment looks at before it asks for a decision. */
export async function gather(
  sql: Queryable,
  environment: EnvironmentRow,
  rollout: Rollout | null,
): Promise<FleetView> {
  const now = await databaseNow(sql);
  const yielding = rollout !== null && waits(rollout) ? environment.stable : null;
  const servedId = yielding ?? rollout?.candidate ?? environment.stable;
  const served = servedId ? await findRelease(sql, servedId) : null;
  const config = served?.config ?? environment.config;
  const { hosts, leaving } = await listHosts(sql, config.target.hosts.labels);
  const wanted = await wantedNow(sql, environment, rollout);
  return {
    wanted: wanted.groups,
    access: wanted.access,
    ceiling: wanted.ceiling,
    instances: (await instancesOf(sql, environment.id)).map(instanceOf),
    hosts: hosts.map((host) => ({ agent: host.id, zone: host.zone, address: host.address })),
    leaving: leaving.map((host) => host.id),
    workers: await countedWorkers(sql, environment, now),
    snapshot: environment.snapshot,
    sticky: stickinessOf(config),
    drainDeadlineMs: config.drain.deadline,
    abandonAfterMs: ABANDON_AFTER_MS,
    routerLostMs: ROUTER_LOST_MS,
    now,
  };
}

export async function wantedNow(
  sql: Queryable,
  environment: EnvironmentRow,
  rollout: Rollout | null,
): Promise<Desire> {
  const { stable, previous, config } = environment;
  const release = stable ? await findRelease(sql, stable) : null;
  const replicas = release?.config.target.replicas ?? config.target.replicas;
  const former = previous ? await findRelease(sql, previous) : null;
  const previousReplicas = former?.config.target.replicas ?? replicas;
  const keepHot = keepsHot(release?.config ?? config);
  return desire({ stable, previous, replicas, previousReplicas, keepHot }, rollout);
}

/** Rolling spares the second fleet, unless it is asked for one. */
export function keepsHot({
  strategy,
  rollback,
}: Pick<EnvironmentRow['config'], 'strategy' | 'rollback'>): boolean {
  return rollback.hot ?? strategy.kind !== 'rolling';
}

/**
 * A worker that is silent for minutes no longer counts, and that is told. While nobody looked, nobody could
 * hear it either: after an outage all of them routed on, and each has its time to say so.
 */
async function countedWorkers(
  sql: Queryable,
  environment: EnvironmentRow,
  now: number,
): Promise<FleetView['workers']> {
  const watchedMs = Math.max(0, now - (environment.watched_since?.getTime() ?? now));
  const workers = (await workersOf(sql, nameOf(environment))).map((worker) => ({
    ...worker,
    silenceMs: Math.min(worker.silenceMs, watchedMs),
  }));
  for (const worker of workers) {
    if (worker.silenceMs < ROUTER_LOST_MS) continue;
    await forgetWorker(sql, worker.id);
    await announce(sql, {
      kind: 'routerMute',
      subject: environment.id,
      sentence: `a router worker of ${nameOf(environment)} gave no sign for ${Math.round(worker.silenceMs / 1000)} s and no longer counts`,
    });
  }
  return workers;
}

/** What a rollout may know besides the fleet, asked of the database only where its state uses it. */
export type Circumstances = Pick<
  Observation,
  'requestsPerSecond' | 'blocked' | 'approvals' | 'stableReplicas' | 'schema'
>;

export async function circumstancesOf(
  sql: Queryable,
  environment: EnvironmentRow,
  { rollout, now }: { readonly rollout: Rollout; readonly now: number },
): Promise<Circumstances> {
  const weighs =
    rollout.plan.safeRps !== null && ['ready', 'held', 'promoting', 'aborting'].includes(rollout.state);
  const release = waits(rollout) ? ((await findRelease(sql, rollout.candidate)) as ReleaseRow) : null;
  const stable = rollout.stable ? await findRelease(sql, rollout.stable) : null;
  const approved =
    release && rollout.plan.approvals > 0
      ? await approvalsOf(sql, environment.id, contentDigest(release))
      : [];
  return {
    requestsPerSecond: weighs ? await requestsPerSecond(sql, nameOf(environment)) : null,
    // What served here before may always be returned to, also as a release that is judged.
    blocked:
      release && release.served_at === null ? blockedBy(environment, release.config, new Date(now)) : null,
    approvals: approved.length,
    schema: await schemaFor(sql, environment.id, rollout),
    stableReplicas: stable?.config.target.replicas ?? rollout.plan.replicas,
  };
}

const NO_HINDRANCE: Observation['schema'] = { start: null, traffic: null };

/** Asked for where the answer decides: before instances start, and before traffic moves. */
async function schemaFor(
  sql: Queryable,
  environmentId: string,
  rollout: Rollout,
): Promise<Observation['schema']> {
  if (!waits(rollout) && rollout.state !== 'ready') return NO_HINDRANCE;
  const range = (await findRelease(sql, rollout.candidate))?.schema?.range;
  if (!range) return NO_HINDRANCE;
  const migrations = (await migrationsOf(sql, environmentId)).map(({ data }) => data);
  return { start: startHindrance(range, migrations), traffic: trafficHindrance(range, migrations) };
}

/** From rows to what a rollout's decision looks at. */
export function observe(
  rollout: Rollout,
  view: FleetView,
  given: Circumstances & { readonly published: boolean },
): Observation {
  const { published, ...circumstances } = given;
  const of = (keep: (instance: Instance) => boolean) => view.instances.filter(keep);
  const candidates = of((instance) => instance.release === rollout.candidate);
  const baselines = of((instance) => instance.group === 'baseline');
  const stable = of((instance) => instance.release === rollout.stable && instance.group !== 'baseline');
  const workers = view.workers.filter((worker) => worker.silenceMs < view.routerLostMs);
  const mute = workers.filter((worker) => compareVersion(worker.acknowledged, view.snapshot) < 0);
  const arm = (instances: readonly Instance[]) => armOf(rollout, instances, view.hosts);
  return {
    ...circumstances,
    candidate: arm(candidates),
    baseline: arm(baselines),
    stable: arm(stable),
    routers: {
      published,
      acknowledged: mute.length === 0,
      mute: mute.map((worker) => worker.id),
      count: workers.length,
    },
  };
}

function armOf(rollout: Rollout, instances: readonly Instance[], hosts: readonly Host[]): ArmFleet {
  const unfit = instances.filter((instance) => instance.state !== 'ready' && instance.reason !== null).at(-1);
  const ready = instances.filter((instance) => instance.desired === 'run' && instance.state === 'ready');
  const zones = Map.groupBy(ready, ({ agent }) => hosts.find((host) => host.agent === agent)?.zone ?? '');
  const fullest = Math.max(0, ...[...zones.values()].map((own) => own.length));
  return {
    ready: ready.length,
    dependable: ready.length - (rollout.plan.zoneLoss ? fullest : 0),
    crashed: instances.filter(
      (instance) => instance.state === 'crashed' && instance.createdAt >= rollout.startedAt,
    ).length,
    complaint: unfit?.reason ?? null,
  };
}

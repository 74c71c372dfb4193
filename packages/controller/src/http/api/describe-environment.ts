import type {
  EnvironmentView,
  InstanceView,
  ReleaseView,
  RolloutView,
} from '@holdfast/contract/api/resources.ts';
import { mergeHistograms, quantileMs } from '@holdfast/core/analysis/histogram.ts';
import { isBegun } from '@holdfast/core/migration/migration.ts';
import { retained } from '@holdfast/core/release/release.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { migrationsOf } from '@holdfast/postgres/migration/migration-store.ts';
import { listReleases, type ReleaseRow } from '@holdfast/postgres/release/release-store.ts';
import { approvalsOf } from '@holdfast/postgres/rollout/approval-store.ts';
import type { EnvironmentRow } from '@holdfast/postgres/rollout/environment-store.ts';
import { type InstanceRow, instancesOf } from '@holdfast/postgres/rollout/instance-store.ts';
import {
  historyOf,
  listRollouts,
  liveRollout,
  type RolloutRow,
} from '@holdfast/postgres/rollout/rollout-store.ts';
import { intervalsBetween, workersOf } from '@holdfast/postgres/rollout/router-store.ts';
import { nameOf } from '../../environments/gather.ts';
import { contentDigest } from '../../releases/content-digest.ts';
import { releaseView, rolloutView } from './views.ts';

/** An environment and its parts as the API shows them. */
export async function describeReleases(
  sql: Queryable,
  environment: EnvironmentRow,
  rows: readonly ReleaseRow[],
): Promise<ReleaseView[]> {
  const all = await listReleases(sql, environment.id, 200);
  const kept = new Set(
    retained(
      all.map((release) => ({ id: release.id, servedAt: release.served_at?.getTime() ?? null })),
      environment.config.rollback.keep,
    ).map((release) => release.id),
  );
  return rows.map((row) => releaseView(row, environment, kept));
}

export async function describeRollout(
  sql: Queryable,
  environment: EnvironmentRow,
  row: RolloutRow,
): Promise<RolloutView> {
  const rows = await listReleases(sql, environment.id, 200);
  const releases = await describeReleases(sql, environment, rows);
  const release = (id: string | null) => releases.find((candidate) => candidate.id === id) ?? null;
  const candidate = rows.find(({ id }) => id === row.candidate);
  const digest = candidate && row.data.plan.approvals > 0 ? contentDigest(candidate) : null;
  return rolloutView({
    approvals: { digest, given: digest ? await approvalsOf(sql, environment.id, digest) : [] },
    row,
    name: nameOf(environment),
    candidate: release(row.candidate) as ReleaseView,
    stable: release(row.stable),
    history: await historyOf(sql, row.id),
  });
}

export async function describeEnvironment(
  sql: Queryable,
  environment: EnvironmentRow,
): Promise<EnvironmentView> {
  const rows = await listReleases(sql, environment.id, 200);
  const releases = await describeReleases(sql, environment, rows);
  const release = (id: string | null) => releases.find((candidate) => candidate.id === id) ?? null;
  const rollout =
    (await liveRollout(sql, environment.id)) ?? (await listRollouts(sql, environment.id, 1))[0] ?? null;
  const instances = (await instancesOf(sql, environment.id)).filter((instance) => instance.ended_at === null);
  return {
    id: environment.id,
    name: nameOf(environment),
    app: environment.app,
    environment: environment.name,
    stable: release(environment.stable),
    previous: release(environment.previous),
    rollout: rollout ? await describeRollout(sql, environment, rollout) : null,
    instances: instances.map((row) => instanceView(row, rows)),
    routers: await routersOf(sql, environment),
    migrations: await newestMigration(sql, environment.id),
    hold: environment.hold,
    frozen: frozenView(environment),
    listen: environment.config.traffic.listen ?? null,
    preview: previewOf(environment.config),
    traffic: await trafficOf(sql, environment),
    readiness: readinessOf(environment, instances),
  };
}

/** A probe that is answered as expected says more than a report; without either, a plain 200 is believed. */
export function readinessOf(
  { config }: Pick<EnvironmentRow, 'config'>,
  instances: readonly Pick<InstanceRow, 'shallow'>[],
): EnvironmentView['readiness'] {
  if (config.readiness.probes.length > 0) return 'full';
  const heard = instances.flatMap(({ shallow }) => shallow ?? []);
  if (heard.length === 0) return 'unknown';
  return heard.includes(true) ? 'shallow' : 'full';
}

function frozenView({ frozen_until: until, frozen_why: why }: EnvironmentRow): EnvironmentView['frozen'] {
  return until === null || until.getTime() <= Date.now()
    ? null
    : { until: until.toISOString(), why: why ?? '' };
}

function previewOf({ strategy }: EnvironmentRow['config']): number | null {
  return strategy.kind === 'blueGreen' ? (strategy.preview?.listen ?? null) : null;
}

function instanceView(row: InstanceRow, releases: readonly ReleaseRow[]): InstanceView {
  return {
    id: row.id,
    release: releases.find((release) => release.id === row.release_id)?.number ?? 0,
    group: row.arm,
    agent: row.agent_id,
    state: row.desired === 'run' ? row.state : 'draining',
    desired: row.desired,
    reason: row.reason,
    port: row.port,
    createdAt: row.created_at.toISOString(),
  };
}

const MUTE_MS = 5_000;

async function routersOf(sql: Queryable, environment: EnvironmentRow): Promise<EnvironmentView['routers']> {
  const workers = await workersOf(sql, nameOf(environment));
  return [...new Set(workers.map((worker) => worker.router))].map((id) => {
    const own = workers.filter((worker) => worker.router === id);
    return {
      id,
      workers: own.length,
      mute: own.filter((worker) => worker.silenceMs > MUTE_MS).length,
      revision: Math.min(...own.map((worker) => worker.acknowledged.revision)),
    };
  });
}

/** What was measured over the last whole minute. */
export async function trafficOf(
  sql: Queryable,
  environment: EnvironmentRow,
): Promise<EnvironmentView['traffic']> {
  const now = Math.floor(Date.now() / 1000);
  const intervals = await intervalsBetween(sql, nameOf(environment), now - 61, now - 2);
  const counts = intervals.flatMap((entry) => entry.counts);
  const requests = counts.reduce((sum, entry) => sum + entry.requests, 0);
  const failed = counts.reduce((sum, entry) => sum + entry.failed, 0);
  const seconds = Math.max(1, new Set(intervals.map((entry) => entry.second)).size);
  return {
    requestsPerSecond: Math.round((requests / seconds) * 10) / 10,
    errorRate: requests === 0 ? 0 : failed / requests,
    p95Ms: quantileMs(
      counts.reduce((all, entry) => mergeHistograms(all, entry.latency), {}),
      0.95,
    ),
  };
}

/** The one that is worked on; else the newest that anything was done of. */
async function newestMigration(
  sql: Queryable,
  environmentId: string,
): Promise<EnvironmentView['migrations']> {
  const all = (await migrationsOf(sql, environmentId)).map(({ data }) => data);
  const working = all.find(({ state }) => !['planned', 'ready', 'done', 'aborted'].includes(state));
  const shown = working ?? all.findLast(isBegun) ?? all.at(-1);
  return shown ? { version: shown.version, state: shown.state, reason: shown.reason } : null;
}

import { createHash } from 'node:crypto';
import type { Order } from '@holdfast/contract/agent/protocol.ts';
import type { EnvironmentConfig } from '@holdfast/contract/config/holdfast-yaml.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { findRelease, type ReleaseRow } from '@holdfast/postgres/release/release-store.ts';
import { type EnvironmentRow, environmentById } from '@holdfast/postgres/rollout/environment-store.ts';
import { type InstanceRow, instancesOf, ordersFor } from '@holdfast/postgres/rollout/instance-store.ts';
import { liveRollouts } from '@holdfast/postgres/rollout/rollout-store.ts';
import type { Services } from '../services.ts';
import { fillSecrets } from '../vault/fill-secrets.ts';

/** What this agent should host, complete: an instance that is not listed is to be stopped. */
export async function ordersOf(services: Services, sql: Queryable, agentId: string): Promise<Order[]> {
  const orders: Order[] = [];
  for (const row of await ordersFor(sql, agentId)) orders.push(await orderOf(services, sql, row));
  return orders;
}

async function orderOf(services: Services, sql: Queryable, row: InstanceRow): Promise<Order> {
  const release = (await findRelease(sql, row.release_id)) as ReleaseRow;
  const environment = (await environmentById(sql, row.environment_id)) as EnvironmentRow;
  const { config } = release;
  const digest = releaseDigest(release);
  return {
    id: row.id,
    generation: row.generation,
    epoch: row.epoch,
    desired: row.desired,
    release: release.id,
    releaseDigest: digest,
    artifact: { name: release.artifact_name, digest: release.artifact_digest },
    command: [...config.target.command],
    env: {
      ...(await fillSecrets(services, sql, { release, env: config.target.env })),
      HOLDFAST_APP: environment.app,
      HOLDFAST_ENVIRONMENT: environment.name,
      HOLDFAST_RELEASE: digest,
      HOLDFAST_RELEASE_NUMBER: String(release.number),
      HOLDFAST_INSTANCE: row.id,
      HOLDFAST_SCHEMA_VERSION: String(Math.max(0, ...(release.schema?.range.versions ?? []))),
    },
    graceMs: config.drain.grace,
    readiness: await readinessOf(services, sql, release),
    peer: config.readiness.session ? await peerOf(sql, environment, row) : null,
  };
}

/**
 * A session can only go on from another release to a new instance that is not ready yet. Who rolls back wants out,
 * also of a release whose sessions are its own.
 */
async function peerOf(sql: Queryable, environment: EnvironmentRow, row: InstanceRow): Promise<Order['peer']> {
  const { stable } = environment;
  if (stable === null || stable === row.release_id || row.state !== 'starting') return null;
  if ((await liveRollouts(sql, environment.id)).some(({ data }) => data.kind === 'rollback')) return null;
  const serving = (await instancesOf(sql, environment.id)).find(
    (instance) =>
      instance.release_id === stable &&
      instance.desired === 'run' &&
      instance.state === 'ready' &&
      instance.port !== null,
  );
  return serving ? { host: serving.host, port: serving.port as number } : null;
}

/** The identity that a ready instance must report: artifact, configuration and secret versions. */
export function releaseDigest(release: Pick<ReleaseRow, 'id' | 'artifact_digest'>): string {
  return `sha256:${createHash('sha256').update(`${release.id}\n${release.artifact_digest}`).digest('hex')}`;
}

async function readinessOf(
  services: Services,
  sql: Queryable,
  release: ReleaseRow,
): Promise<Order['readiness']> {
  const { readiness } = release.config;
  return {
    path: readiness.path,
    successes: readiness.successes,
    intervalMs: readiness.interval,
    timeoutMs: readiness.timeout,
    latencyMs: readiness.latency,
    probes: readiness.probes.map(probeOf),
    session: await sessionOf(services, sql, release),
  };
}

type Probe = EnvironmentConfig['readiness']['probes'][number];

function probeOf({ path, expect }: Probe): Order['readiness']['probes'][number] {
  return { path, status: expect.status, json: expect.json ?? null };
}

async function sessionOf(
  services: Services,
  sql: Queryable,
  release: ReleaseRow,
): Promise<Order['readiness']['session']> {
  const { session } = release.config.readiness;
  if (!session) return null;
  const { body = '' } = await fillSecrets(services, sql, { release, env: { body: session.login.body } });
  return { login: { ...session.login, body }, next: probeOf(session.next) };
}

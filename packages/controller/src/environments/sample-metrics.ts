import { isFinal } from '@holdfast/core/rollout/rollout.ts';
import { type Duty, dropDuty, hastenDuty, holdDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { findRelease, type ReleaseRow } from '@holdfast/postgres/release/release-store.ts';
import { keepSamples, metricsWithPast, type TimedSample } from '@holdfast/postgres/rollout/metric-store.ts';
import { findRollout } from '@holdfast/postgres/rollout/rollout-store.ts';
import { releaseDigest } from '../agents/orders.ts';
import type { Services } from '../services.ts';
import { fillSecrets } from '../vault/fill-secrets.ts';
import { json } from './providers/json.ts';
import { prometheus } from './providers/prometheus.ts';
import {
  type MetricConfig,
  type MetricProvider,
  type NamedRelease,
  namesRelease,
  ProviderProblem,
} from './providers/provider.ts';

/**
 * The duty that asks providers while a rollout has traffic. It asks outside of any transaction and keeps
 * what was said under the duty's fence; the environment's duty makes evidence of it.
 */
const PROVIDERS: { readonly [name in MetricConfig['provider']]: MetricProvider } = { prometheus, json };
const PAST_SECONDS = 1_800;
const WAIT_MS = 1_000;

export async function sampleMetrics(services: Services, duty: Duty): Promise<number | null> {
  const { database } = services;
  const row = await findRollout(database, duty.id);
  if (!row || isFinal(row.state)) {
    await dropDuty(database, duty.kind, duty.id);
    return null;
  }
  const { trafficSince, warmingSince, plan } = row.data;
  if (trafficSince === null) return WAIT_MS;
  const candidate = (await findRelease(database, row.candidate)) as ReleaseRow;
  const stable = row.stable ? await findRelease(database, row.stable) : null;
  const metrics = await metricsOf(services, candidate);
  const known = await metricsWithPast(database, row.id);
  const begun = warmingSince !== null && Date.now() >= warmingSince + plan.warmupMs;
  const second = Math.floor(Date.now() / 1_000);
  const arms = { candidate: named(candidate), stable: stable && named(stable), second };
  const told = await Promise.all([
    ...metrics
      .filter((metric) => !namesRelease(metric) && !known.has(metric.name))
      .map((metric) => samplePast(metric, trafficSince)),
    ...(begun ? metrics.map((metric) => sampleNow(metric, arms)) : []),
  ]);
  await database.transaction(async (sql) => {
    if (!(await holdDuty(sql, duty))) return;
    await keepSamples(sql, row.id, told.flat());
    await hastenDuty(sql, 'environment', row.environment_id);
  });
  return begun ? Math.min(...metrics.map(({ interval }) => interval)) : WAIT_MS;
}

/** With the frozen version of the secret that its token may name. */
async function metricsOf(services: Services, release: ReleaseRow): Promise<readonly MetricConfig[]> {
  const { metrics } = release.config.strategy.analysis;
  return Promise.all(
    metrics.map(async (given) => {
      // A deploy has filled in what was left out.
      const metric = { ...given, url: given.url ?? '' };
      if (metric.token === undefined) return metric;
      const { token = '' } = await fillSecrets(services, services.database, {
        release,
        env: { token: metric.token },
      });
      return { ...metric, token };
    }),
  );
}

function named(release: ReleaseRow): NamedRelease {
  return { digest: releaseDigest(release), number: release.number };
}

interface Arms {
  readonly candidate: NamedRelease;
  readonly stable: NamedRelease | null;
  readonly second: number;
}

async function sampleNow(metric: MetricConfig, { candidate, stable, second }: Arms): Promise<TimedSample[]> {
  const provider = PROVIDERS[metric.provider];
  const empty = { metric: metric.name, second, candidate: null, baseline: null, problem: null };
  try {
    if (!namesRelease(metric)) return [{ ...empty, candidate: await provider.now(metric, null) }];
    const [own, other] = await Promise.all([provider.now(metric, candidate), provider.now(metric, stable)]);
    return [{ ...empty, candidate: own, baseline: other }];
  } catch (error) {
    return [{ ...empty, problem: sentenceOf(error) }];
  }
}

/**
 * Where the query cannot tell the arms apart, the time before the candidate's traffic is what it is compared with: asked for
 * until it is told. A provider that keeps no past tells nothing.
 */
async function samplePast(metric: MetricConfig, trafficSince: number): Promise<TimedSample[]> {
  const until = Math.floor(trafficSince / 1_000);
  const empty = { metric: metric.name, candidate: null, problem: null };
  try {
    const values = await PROVIDERS[metric.provider].past(metric, { until, seconds: PAST_SECONDS });
    return values.map((baseline, index) => ({ ...empty, baseline, second: until - values.length + index }));
  } catch (error) {
    return [{ ...empty, second: until, baseline: null, problem: sentenceOf(error) }];
  }
}

function sentenceOf(error: unknown): string {
  if (error instanceof ProviderProblem) return error.message;
  throw error;
}

import type { EnvironmentConfig } from '@holdfast/contract/config/holdfast-yaml.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { noEvidence } from '@holdfast/core/analysis/evidence.ts';
import { retained } from '@holdfast/core/release/release.ts';
import type { Rollout, RolloutPlan } from '@holdfast/core/rollout/rollout.ts';
import { currentSecrets } from '@holdfast/postgres/access/secret-store.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { ensureDuty, hastenDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { appendEvent } from '@holdfast/postgres/events/event-store.ts';
import type { ArtifactRow } from '@holdfast/postgres/release/artifact-store.ts';
import {
  findRelease,
  insertRelease,
  listReleases,
  type ReleaseRow,
} from '@holdfast/postgres/release/release-store.ts';
import {
  type EnvironmentRow,
  lockEnvironment,
  setHold,
  upsertEnvironment,
} from '@holdfast/postgres/rollout/environment-store.ts';
import { insertRollout, liveRollout, rolloutAskedBy } from '@holdfast/postgres/rollout/rollout-store.ts';
import { supersede } from '../environments/supersede.ts';
import type { Services } from '../services.ts';
import { secretMissing, secretNamesOf } from '../vault/secret-references.ts';

/** A deploy: environment, release and rollout in one transaction. Asking twice finds the same rollout. */
export interface DeployRequest {
  readonly app: string;
  readonly environment: string;
  readonly config: EnvironmentConfig;
  readonly artifact: ArtifactRow;
  readonly askedBy: string;
  readonly repository: { readonly id: string; readonly name: string } | null;
  readonly commit: string | null;
  /** When the asking run began; null: a person asks now, which lifts a hold. */
  readonly automatedSince: Date | null;
}

export async function startDeploy(
  services: Services,
  sql: Queryable,
  request: DeployRequest,
): Promise<{ readonly id: string; readonly number: number }> {
  const known = await rolloutAskedBy(sql, request.askedBy);
  if (known)
    return { id: known.id, number: ((await findRelease(sql, known.candidate)) as ReleaseRow).number };
  const made = await upsertEnvironment(sql, {
    id: newId(),
    app: request.app,
    name: request.environment,
    config: request.config,
    generation: services.generation,
  });
  const environment = (await lockEnvironment(sql, made.id)) as EnvironmentRow;
  await checkHold(sql, environment, request);
  const release = await insertRelease(sql, {
    id: newId(),
    environment_id: environment.id,
    artifact_name: request.artifact.name,
    artifact_digest: request.artifact.digest,
    config: request.config,
    secret_versions: await freezeSecrets(sql, request),
    repository_id: request.repository?.id ?? null,
    commit: request.commit ?? request.artifact.commit,
  });
  const id = await begin(sql, { environment, kind: 'release', release, askedBy: request.askedBy });
  return { id, number: release.number };
}

async function checkHold(sql: Queryable, environment: EnvironmentRow, request: DeployRequest): Promise<void> {
  if (environment.hold === null) return;
  const abandoned = environment.previous ? await findRelease(sql, environment.previous) : null;
  const stale =
    request.automatedSince !== null &&
    (request.automatedSince < (environment.hold_since ?? new Date(0)) ||
      abandoned?.artifact_digest === request.artifact.digest);
  if (stale) throw new HoldfastError('holdActive', `${environment.hold}; this run would undo it`);
  await setHold(sql, environment.id, null);
}

async function freezeSecrets(sql: Queryable, request: DeployRequest): Promise<ReleaseRow['secret_versions']> {
  const current = new Map(
    (await currentSecrets(sql, request.repository?.name ?? '')).map((secret) => [secret.name, secret]),
  );
  return Object.fromEntries(
    secretNamesOf(request.config.target.env).map((name) => {
      const secret = current.get(name);
      if (!secret) throw secretMissing(name);
      return [name, { repository: secret.repository, version: secret.version }];
    }),
  );
}

/** Back to a retained release: no build, no analysis; automation holds still afterwards. */
export async function startRollback(
  sql: Queryable,
  request: { readonly environment: EnvironmentRow; readonly to: number | null; readonly askedBy: string },
): Promise<{ readonly id: string; readonly number: number }> {
  const known = await rolloutAskedBy(sql, request.askedBy);
  if (known)
    return { id: known.id, number: ((await findRelease(sql, known.candidate)) as ReleaseRow).number };
  const environment = (await lockEnvironment(sql, request.environment.id)) as EnvironmentRow;
  const target = await rollbackTarget(sql, environment, request.to);
  const id = await begin(sql, { environment, kind: 'rollback', release: target, askedBy: request.askedBy });
  await setHold(sql, environment.id, `rolled back to release ${target.number} by hand`);
  return { id, number: target.number };
}

async function rollbackTarget(
  sql: Queryable,
  environment: EnvironmentRow,
  to: number | null,
): Promise<ReleaseRow> {
  const releases = await listReleases(sql, environment.id, 200);
  const kept = retained(
    releases.map((release) => ({ ...release, servedAt: release.served_at?.getTime() ?? null })),
    environment.config.rollback.keep,
  );
  const choices = kept.filter((release) => release.id !== environment.stable);
  const wanted =
    to === null
      ? choices.find((release) => release.id === environment.previous)
      : choices.find((release) => release.number === to);
  if (wanted) return wanted;
  const listed = choices.map((release) => release.number).join(', ') || 'none yet';
  throw new HoldfastError(
    'releaseNotRetained',
    to === null
      ? 'there is no earlier release to return to'
      : `release ${to} cannot be returned to, expected one of ${listed}`,
  );
}

interface Beginning {
  readonly environment: EnvironmentRow;
  readonly kind: Rollout['kind'];
  readonly release: ReleaseRow;
  readonly askedBy: string;
}

async function begin(sql: Queryable, { environment, kind, release, askedBy }: Beginning): Promise<string> {
  const live = await liveRollout(sql, environment.id);
  if (live) await supersede(sql, live, release.number);
  const now = await databaseNow(sql);
  const rollout: Rollout = {
    id: newId(),
    environment: environment.id,
    kind,
    candidate: release.id,
    stable: environment.stable,
    plan: planOf(release.config),
    state: 'planned',
    step: 0,
    weight: 0,
    stateSince: now,
    startedAt: now,
    pausedFrom: null,
    trafficSince: null,
    evidence: noEvidence(),
    judgement: null,
    unjudged: false,
    reason: null,
  };
  await insertRollout(sql, rollout, askedBy);
  await ensureDuty(sql, 'environment', environment.id);
  await hastenDuty(sql, 'environment', environment.id);
  await appendEvent(sql, {
    topic: 'rollout',
    subject: rollout.id,
    kind: 'planned',
    data: { environment: environment.id, release: release.number },
  });
  return rollout.id;
}

export function planOf(config: EnvironmentConfig): RolloutPlan {
  const { strategy, target, readiness } = config;
  const { analysis } = strategy;
  return {
    replicas: target.replicas,
    steps: strategy.steps.map((step) => ({ weight: step.weight, dwellMs: step.dwell ?? analysis.dwell })),
    baseline: strategy.baseline,
    warmupMs: analysis.warmup,
    deadlineMs: analysis.deadline,
    rule: {
      alpha: ALPHA,
      errorIncrease: analysis.errorRate.increase,
      latencyQuantile: 0.95,
      latencyIncreaseMs: analysis.latency.p95.increase,
      minimumRequests: analysis.minimumRequests,
    },
    whenUndecided: analysis.whenUndecided,
    whenInsufficient: analysis.whenInsufficient,
    readinessDeadlineMs: readiness.deadline,
    soakMs: strategy.soak,
  };
}

/** The chance to abort a healthy release, over its whole rollout and all metrics. */
const ALPHA = 0.01;

export async function databaseNow(sql: Queryable): Promise<number> {
  const found = await sql.query<{ now: number }>(
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now',
  );
  return found.rows[0]?.now ?? 0;
}

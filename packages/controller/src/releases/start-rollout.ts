import type { EnvironmentConfig } from '@holdfast/contract/config/holdfast-yaml.ts';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { NO_SCHEMA, rollbackHindrance } from '@holdfast/core/migration/schema-range.ts';
import { retained } from '@holdfast/core/release/release.ts';
import { planned } from '@holdfast/core/rollout/begin.ts';
import type { Rollout, RolloutState } from '@holdfast/core/rollout/rollout.ts';
import { currentSecrets } from '@holdfast/postgres/access/secret-store.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { ensureDuty, hastenDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { appendEvent } from '@holdfast/postgres/events/event-store.ts';
import { migrationsOf } from '@holdfast/postgres/migration/migration-store.ts';
import type { ArtifactRow } from '@holdfast/postgres/release/artifact-store.ts';
import {
  findRelease,
  insertRelease,
  listReleases,
  type ReleaseRow,
  repositoryOf,
} from '@holdfast/postgres/release/release-store.ts';
import {
  type EnvironmentRow,
  lockEnvironment,
  setHold,
  upsertEnvironment,
} from '@holdfast/postgres/rollout/environment-store.ts';
import {
  insertRollout,
  liveRollouts,
  type RolloutRow,
  rolloutAskedBy,
} from '@holdfast/postgres/rollout/rollout-store.ts';
import type { SchemaFile } from '@holdfast/postgres/run/run-store.ts';
import { supersede } from '../environments/supersede.ts';
import { registerMigrations } from '../migrations/register-migrations.ts';
import type { Services } from '../services.ts';
import { secretMissing, secretNamesOf } from '../vault/secret-references.ts';
import { planOf } from './plan-of.ts';

/** A deploy: environment, release and rollout in one transaction. Asking twice finds the same rollout. */
export interface DeployRequest {
  readonly app: string;
  readonly environment: string;
  readonly config: EnvironmentConfig;
  readonly artifact: ArtifactRow;
  readonly askedBy: string;
  readonly repository: { readonly id: string; readonly name: string } | null;
  readonly commit: string | null;
  /** Files of schema changes of the commit; null: none are named. */
  readonly schemaFiles: readonly SchemaFile[] | null;
  /** When the asking run began; null: a person asks now, which lifts a hold. */
  readonly automatedSince: Date | null;
  /** The token of the person who asks; null: automation does. */
  readonly token: string | null;
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
  await checkOwner(sql, environment, request);
  await checkHold(sql, environment, request);
  const config = withMetricAddresses(services, request.config);
  const files = request.schemaFiles ?? [];
  const schema = await registerMigrations(sql, environment.id, {
    config,
    files,
    now: await databaseNow(sql),
  });
  const release = await insertRelease(sql, {
    id: newId(),
    environment_id: environment.id,
    artifact_name: request.artifact.name,
    artifact_digest: request.artifact.digest,
    config,
    secret_versions: await freezeSecrets(sql, request),
    repository_id: request.repository?.id ?? null,
    commit: request.commit ?? request.artifact.commit,
    schema,
  });
  // One that names no database says nothing of it; one that is returned to did not know of any.
  if (schema !== null) await checkSchema(sql, environment.id, release);
  const { askedBy, token } = request;
  const id = await begin(sql, { environment, kind: 'release', release, askedBy, token });
  return { id, number: release.number };
}

/** The names stand in a file that anybody pushes: another repository's app is not taken over by writing its name. */
async function checkOwner(
  sql: Queryable,
  { id, app, name }: EnvironmentRow,
  { repository }: DeployRequest,
): Promise<void> {
  const owner = repository && (await repositoryOf(sql, id));
  if (!repository || !owner || owner.id === repository.id) return;
  throw new HoldfastError(
    'rolloutRefused',
    `${app}/${name} is released from the repository ${owner.name}, and ${repository.name} names it, too: give one of them another app in its holdfast.yaml, or take ${owner.name} away (holdfast repo remove) when this one follows it`,
  );
}

/** What it reads must still be there. */
async function checkSchema(
  sql: Queryable,
  environmentId: string,
  { number, schema }: Pick<ReleaseRow, 'number' | 'schema'>,
): Promise<void> {
  const migrations = (await migrationsOf(sql, environmentId)).map(({ data }) => data);
  const hindrance = rollbackHindrance({ number, range: schema?.range ?? NO_SCHEMA }, migrations);
  if (hindrance !== null) throw new HoldfastError('schemaMismatch', hindrance);
}

/** Controllers ask only where they were told they may: a repository must not make them ask elsewhere. */
function withMetricAddresses({ config }: Services, given: EnvironmentConfig): EnvironmentConfig {
  const { strategy } = given;
  const metrics = (strategy.analysis.metrics ?? []).map((metric) => {
    const url = metric.url ?? config.metricsOrigins[0];
    const known = url === undefined ? null : new URL(url).origin;
    if (known !== null && config.metricsOrigins.includes(known)) return { ...metric, url };
    const wanted = known ?? 'http://prometheus:9090';
    throw new HoldfastError(
      'configInvalid',
      known === null
        ? `metric ${metric.name} names no url, and the controllers know of no Prometheus; start them with HOLDFAST_METRICS_ORIGINS=${wanted}`
        : `metric ${metric.name}: controllers may not ask ${known}; start them with HOLDFAST_METRICS_ORIGINS=${wanted}`,
    );
  });
  return { ...given, strategy: { ...strategy, analysis: { ...strategy.analysis, metrics } } };
}

async function checkHold(sql: Queryable, environment: EnvironmentRow, request: DeployRequest): Promise<void> {
  if (environment.hold === null) return;
  const stale =
    request.automatedSince !== null &&
    (request.automatedSince < (environment.hold_since ?? new Date(0)) ||
      (await wasLeft(sql, environment, request.artifact.digest)));
  if (stale) throw new HoldfastError('holdActive', `${environment.hold}; this run would undo it`);
  await setHold(sql, environment.id, null);
}

/** Whether a release that was rolled back from, or is being, is of these bytes. */
async function wasLeft(sql: Queryable, { id, stable }: EnvironmentRow, digest: string): Promise<boolean> {
  const releases = await listReleases(sql, id, 200);
  const live = await liveRollouts(sql, id);
  const serving = releases.filter(
    (release) => release.id === stable || live.some(({ data }) => isOnItsWay(data, release.id)),
  );
  const now = Math.min(...serving.map(({ number }) => number));
  return releases.some(({ number, artifact_digest }) => number > now && artifact_digest === digest);
}

/** Every text of the configuration in which a secret may be named. */
function textsOf({ target, readiness, strategy, migrations }: EnvironmentConfig): Record<string, string> {
  const tokens = (strategy.analysis.metrics ?? []).map(({ name, token }) => [`metric ${name}`, token ?? '']);
  const login = readiness.session ? { 'session login': readiness.session.login.body } : {};
  const database = migrations ? { 'database of migrations': migrations.database } : {};
  return { ...target.env, ...login, ...database, ...Object.fromEntries(tokens) };
}

async function freezeSecrets(sql: Queryable, request: DeployRequest): Promise<ReleaseRow['secret_versions']> {
  const current = new Map(
    (await currentSecrets(sql, request.repository?.name ?? '')).map((secret) => [secret.name, secret]),
  );
  return Object.fromEntries(
    secretNamesOf(textsOf(request.config)).map((name) => {
      const secret = current.get(name);
      if (!secret) throw secretMissing(name);
      return [name, { repository: secret.repository, version: secret.version }];
    }),
  );
}

/**
 * Back to a retained release: no build, and inside the window no analysis; automation holds still
 * afterwards. A release that stopped serving longer ago is judged like a new one.
 */
export async function startRollback(
  sql: Queryable,
  request: { readonly environment: EnvironmentRow; readonly to: number | null; readonly askedBy: string },
): Promise<{ readonly id: string; readonly number: number }> {
  const known = await rolloutAskedBy(sql, request.askedBy);
  if (known)
    return { id: known.id, number: ((await findRelease(sql, known.candidate)) as ReleaseRow).number };
  const environment = (await lockEnvironment(sql, request.environment.id)) as EnvironmentRow;
  const { target, kind } = await rollbackTarget(sql, environment, request.to);
  // Typed twice: it is on its way.
  const live = (await liveRollouts(sql, environment.id)).find(({ data }) => isOnItsWay(data, target.id));
  if (live) return { id: live.id, number: target.number };
  await checkSchema(sql, environment.id, target);
  const id = await begin(sql, { environment, kind, release: target, askedBy: request.askedBy, token: null });
  await setHold(sql, environment.id, `rolled back to release ${target.number} by hand`);
  return { id, number: target.number };
}

function isOnItsWay({ candidate, state, supersededBy }: Rollout, release: string): boolean {
  return candidate === release && state !== 'aborting' && supersededBy === null;
}

const RETRIABLE: readonly RolloutState[] = ['aborted', 'failed', 'superseded'];

/** The same release again, after its rollout was aborted or failed. */
export async function startRetry(
  sql: Queryable,
  {
    row,
    askedBy,
    token,
  }: { readonly row: RolloutRow; readonly askedBy: string; readonly token: string | null },
): Promise<string> {
  const known = await rolloutAskedBy(sql, askedBy);
  if (known) return known.id;
  const environment = (await lockEnvironment(sql, row.environment_id)) as EnvironmentRow;
  if (!RETRIABLE.includes(row.state) || environment.stable === row.candidate)
    throw new HoldfastError(
      'rolloutRefused',
      `the rollout is ${row.state} and cannot be retried, expected aborted, failed or superseded`,
    );
  const release = (await findRelease(sql, row.candidate)) as ReleaseRow;
  await checkSchema(sql, environment.id, release);
  return begin(sql, { environment, kind: 'release', release, askedBy, token });
}

async function rollbackTarget(
  sql: Queryable,
  environment: EnvironmentRow,
  to: number | null,
): Promise<{ readonly target: ReleaseRow; readonly kind: Rollout['kind'] }> {
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
  if (wanted) return { target: wanted, kind: await rollbackKind(sql, environment, { wanted, kept }) };
  const listed = choices.map((release) => release.number).join(', ') || 'none yet';
  throw new HoldfastError(
    'releaseNotRetained',
    to === null
      ? 'there is no earlier release to return to'
      : `release ${to} cannot be returned to, expected one of ${listed}`,
  );
}

/** It stopped serving when the next one began. */
async function rollbackKind(
  sql: Queryable,
  environment: EnvironmentRow,
  {
    wanted,
    kept,
  }: { readonly wanted: ReleaseRow; readonly kept: readonly { readonly servedAt: number | null }[] },
): Promise<Rollout['kind']> {
  if (wanted.id === environment.previous) return 'rollback';
  const since = wanted.served_at?.getTime() ?? 0;
  const next = kept.map(({ servedAt }) => servedAt ?? 0).filter((at) => at > since);
  const ended = next.length > 0 ? Math.min(...next) : since;
  const window = environment.config.rollback.window ?? DAY_MS;
  return (await databaseNow(sql)) - ended <= window ? 'rollback' : 'release';
}

const DAY_MS = 86_400_000;

interface Beginning {
  readonly environment: EnvironmentRow;
  readonly kind: Rollout['kind'];
  readonly release: ReleaseRow;
  readonly askedBy: string;
  /** Of the person who asks; null: automation does. */
  readonly token: string | null;
}

async function begin(sql: Queryable, beginning: Beginning): Promise<string> {
  const { environment, kind, release, askedBy, token } = beginning;
  const now = await databaseNow(sql);
  for (const live of await liveRollouts(sql, environment.id))
    await supersede(sql, live, { by: release.number, now });
  const { stable } = environment;
  const plan = planOf(release.config);
  const rollout = planned(
    { id: newId(), environment: environment.id, kind, candidate: release.id, stable, askedBy: token, plan },
    now,
  );
  await insertRollout(sql, rollout, askedBy);
  await ensureDuty(sql, 'environment', environment.id);
  if (plan.rule.metrics.length > 0) await ensureDuty(sql, 'metrics', rollout.id);
  await hastenDuty(sql, 'environment', environment.id);
  await appendEvent(sql, {
    topic: 'rollout',
    subject: rollout.id,
    kind: 'planned',
    data: { environment: environment.id, release: release.number },
  });
  return rollout.id;
}

export async function databaseNow(sql: Queryable): Promise<number> {
  const found = await sql.query<{ now: number }>(
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now',
  );
  return found.rows[0]?.now ?? 0;
}

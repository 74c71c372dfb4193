import { join } from 'node:path';
import { decide, isWanted, phaseToDo } from '@holdfast/core/migration/decide.ts';
import {
  isComplete,
  labelOf,
  type Migration,
  type MigrationPhase,
  type PhaseOutcome,
  underlying,
} from '@holdfast/core/migration/migration.ts';
import { isNeededBy } from '@holdfast/core/migration/schema-range.ts';
import { type Signal, type SignalName, waits } from '@holdfast/core/migration/throttle.ts';
import { failureOf } from '@holdfast/migration/execute/failure.ts';
import { workOnPhase } from '@holdfast/migration/execute/work-on-phase.ts';
import { workOnMysql } from '@holdfast/migration/mysql/work-on-mysql.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { type Duty, dropDuty, hastenDuty, holdDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { appendEvent } from '@holdfast/postgres/events/event-store.ts';
import {
  type MigrationRow,
  migrationsOf,
  saveMigration,
  sourceOf,
  takeMigrationRequests,
} from '@holdfast/postgres/migration/migration-store.ts';
import type { ReleaseRow } from '@holdfast/postgres/release/release-store.ts';
import { type EnvironmentRow, lockEnvironment } from '@holdfast/postgres/rollout/environment-store.ts';
import { nameOf } from '../environments/gather.ts';
import { announce } from '../notify/announce.ts';
import { databaseNow } from '../releases/start-rollout.ts';
import type { Services } from '../services.ts';
import { gateOf } from './gate.ts';
import { limitsOf } from './limits-of.ts';
import { outsideSignals, windowSignals } from './outside-signals.ts';
import { type SchemaUse, schemaUse, wishOf } from './schema-users.ts';
import { openAnyTarget } from './target-database.ts';

/**
 * The duty of one environment's schema: look, decide and save in one transaction; then work for a
 * while in the user's database under a fence of this look's epoch; then save what came of it. One
 * change at a time, in the order of their versions.
 */
const IDLE_MS = 2_000;
const BUDGET_MS = 1_500;
/** A lock that was not to be had is tried for again after some of these. */
const WAITS_MS = [200, 2_500] as const;
const EPOCHS = 2 ** 32;

export async function watchMigrations(services: Services, duty: Duty): Promise<number | null> {
  const looked = await services.database.transaction(async (sql) => {
    if (!(await holdDuty(sql, duty))) return { dueInMs: 0, job: null };
    const environment = await lockEnvironment(sql, duty.id);
    if (environment) return look(sql, environment);
    await dropDuty(sql, duty.kind, duty.id);
    return null;
  });
  if (looked === null) return null;
  if (looked.job === null) return looked.dueInMs;
  const outcome = await perform(services, duty, looked.job);
  const moved = await services.database.transaction((sql) =>
    save(sql, duty, { job: looked.job as Job, outcome }),
  );
  if (moved) for (const hint of ['events', 'duty'] as const) services.hints.send(hint);
  if (outcome.kind !== 'waits') return outcome.kind === 'failed' ? IDLE_MS : 0;
  return WAITS_MS[0] + Math.random() * (WAITS_MS[1] - WAITS_MS[0]);
}

interface Job {
  readonly environment: EnvironmentRow;
  readonly owner: ReleaseRow;
  readonly row: MigrationRow;
  readonly phase: MigrationPhase;
  readonly held: SignalName | null;
  readonly signals: readonly Signal[];
  /** Why a table may not be exchanged for its copy now; null: it may. */
  readonly gate: string | null;
}

async function look(
  sql: Queryable,
  environment: EnvironmentRow,
): Promise<{ readonly dueInMs: number; readonly job: Job | null }> {
  const now = await databaseNow(sql);
  const use = await schemaUse(sql, environment);
  const asked = await takeMigrationRequests(sql, environment.id);
  let job: Job | null = null;
  let waits = false;
  for (const row of await migrationsOf(sql, environment.id)) {
    const needed = use.users.some((user) => isNeededBy(user, row.version));
    const requested = (asked.get(row.version) ?? []).reduce<Migration>((current, request) => {
      // Since it was asked a release may have come that needs it.
      if (request.kind === 'abort' && needed) return current;
      const decided = decide(current, { kind: request.kind }, now);
      return decided.ok ? decided.value : current;
    }, row.data);
    const wish = wishOf(row.data, use);
    // The next one waits for the one before, whatever holds that up: each finds the shape its author saw.
    const ticked = waits ? null : decide(requested, { kind: 'tick', wish }, now);
    const after: Migration = ticked?.ok ? ticked.value : requested;
    await saveMigration(sql, environment.id, { before: row.data, after });
    if (row.data.state !== after.state) await tell(sql, environment, after);
    const wanted = isWanted(after, wish);
    if (!waits) job ??= jobOf({ ...row, data: after }, { environment, use, wanted, needed });
    waits ||= wanted && !isComplete(after);
  }
  if (job === null) return { dueInMs: IDLE_MS, job };
  // Compared with the traffic before it was known, not with what it already made of it.
  const signals = await outsideSignals(sql, environment, { since: job.row.created_at.getTime(), now });
  const gate = job.gate ?? (await gateOf(sql, environment, { release: job.owner, now: new Date(now) }));
  const windows = windowSignals(job.owner.config, new Date(now));
  return { dueInMs: 0, job: { ...job, signals: [...signals, ...windows], gate } };
}

/** Unwanted work rests, except for what takes something away that is half gone. */
function jobOf(
  row: MigrationRow,
  {
    environment,
    use,
    wanted,
    needed,
  }: {
    readonly environment: EnvironmentRow;
    readonly use: SchemaUse;
    readonly wanted: boolean;
    readonly needed: boolean;
  },
): Job | null {
  const phase = phaseToDo(row.data);
  if (phase === null || use.owner === null) return null;
  if (!wanted && phase !== 'contract' && phase !== 'abort') return null;
  // Asked for by hand it is prepared; what the app sees changes with the release that wants it.
  const gate = needed || phase !== 'expand' ? null : 'no release that is rolled out needs it yet';
  return {
    environment,
    owner: use.owner,
    row,
    phase,
    held: row.data.paused?.signal ?? null,
    signals: [],
    gate,
  };
}

async function perform(services: Services, duty: Duty, job: Job): Promise<PhaseOutcome> {
  const { owner, row, phase, environment } = job;
  const { throttle } = owner.config.migrations as NonNullable<ReleaseRow['config']['migrations']>;
  try {
    const work = {
      scope: nameOf(environment),
      version: row.version,
      fence: services.generation * EPOCHS + duty.epoch,
      source: await sourceOf(services.database, row),
      phase,
      budgetMs: BUDGET_MS,
      limits: limitsOf(throttle),
      signals: job.signals,
      userQuery: throttle.query ?? null,
      held: job.held,
      nice: throttle.nice,
      batchMs: throttle.batch,
    };
    const name = `migration ${row.version} of ${nameOf(environment)}`;
    const target = await openAnyTarget(services, owner, name);
    if ('mysql' in target) {
      const { copies, config } = services;
      const folder = join(config.work, 'copies');
      return await workOnMysql({ ...work, place: target.mysql, copies, work: folder, gate: job.gate });
    }
    try {
      return await workOnPhase(target.session, work);
    } finally {
      await target.session.close();
    }
  } catch (error) {
    const { kind, reason } = failureOf(error);
    return kind === 'waits' ? waits(reason, null) : { kind, reason };
  }
}

async function save(
  sql: Queryable,
  duty: Duty,
  { job, outcome }: { readonly job: Job; readonly outcome: PhaseOutcome },
): Promise<boolean> {
  if (!(await holdDuty(sql, duty))) return false;
  const { environment, row, phase } = job;
  const current = (await migrationsOf(sql, environment.id)).find(
    ({ version }) => version === row.version,
  )?.data;
  if (!current) return false;
  const decided = decide(current, { kind: 'worked', phase, outcome }, await databaseNow(sql));
  if (!decided.ok) return false;
  await saveMigration(sql, environment.id, { before: current, after: decided.value });
  const moved = current.state !== decided.value.state;
  if (moved) await tell(sql, environment, decided.value);
  // Whoever waits for the schema looks again.
  await hastenDuty(sql, 'environment', environment.id);
  return moved || outcome.kind === 'more';
}

async function tell(sql: Queryable, environment: EnvironmentRow, migration: Migration): Promise<void> {
  await appendEvent(sql, {
    topic: 'migration',
    subject: environment.id,
    kind: migration.state,
    data: { version: migration.version, name: migration.name, reason: migration.reason },
  });
  if (migration.paused?.by !== 'failure') return;
  await announce(sql, {
    kind: 'migrationFailed',
    subject: environment.id,
    sentence: `migration ${labelOf(migration)} of ${nameOf(environment)} failed while ${underlying(migration)}: ${migration.reason ?? 'no reason given'}`,
  });
}

import { HoldfastError } from '@holdfast/contract/errors.ts';
import { mergeHistograms, quantileMs } from '@holdfast/core/analysis/histogram.ts';
import { decide } from '@holdfast/core/rollout/decide.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { hastenDuty, reviveDuty } from '@holdfast/postgres/duty/duty-store.ts';
import { findRelease, listReleases, type ReleaseRow } from '@holdfast/postgres/release/release-store.ts';
import { approve } from '@holdfast/postgres/rollout/approval-store.ts';
import {
  type EnvironmentRow,
  environmentById,
  findEnvironment,
  listEnvironments,
  setFreeze,
} from '@holdfast/postgres/rollout/environment-store.ts';
import {
  findRollout,
  listRollouts,
  type RolloutRequest,
  type RolloutRow,
  requestOfRollout,
} from '@holdfast/postgres/rollout/rollout-store.ts';
import { type IntervalRow, intervalsBetween } from '@holdfast/postgres/rollout/router-store.ts';
import { findRepository } from '@holdfast/postgres/run/repository-store.ts';
import { findRun } from '@holdfast/postgres/run/run-store.ts';
import type { z } from 'zod';
import { nameOf } from '../../environments/gather.ts';
import { specialFunctions } from '../../environments/special-functions.ts';
import { contentDigest } from '../../releases/content-digest.ts';
import { artifactNamed } from '../../releases/find-artifact.ts';
import { startDeploy, startRetry, startRollback } from '../../releases/start-rollout.ts';
import { verifyArtifact } from '../../releases/verify-artifact.ts';
import type { Handlers } from '../bind.ts';
import { describeEnvironment, describeReleases, describeRollout } from './describe-environment.ts';
import { describePlan } from './describe-plan.ts';
import { diffReleases } from './diff-releases.ts';
import { onePage } from './one-page.ts';

export const environmentHandlers: Handlers = {
  listEnvironments: async ({ database }) => {
    const rows = await listEnvironments(database);
    return { items: await Promise.all(rows.map((row) => describeEnvironment(database, row))), next: null };
  },

  showEnvironment: async ({ database }, { params }) =>
    describeEnvironment(database, await requireEnvironment(database, params)),

  listReleases: async ({ database }, { params, query }) => {
    const environment = await requireEnvironment(database, params);
    const rows = await listReleases(database, environment.id, query.limit + 1, query.cursor);
    const { shown, next } = onePage(rows, query.limit, ({ number }) => String(number));
    return { items: await describeReleases(database, environment, shown), next };
  },

  diffReleases: async (services, { params, query }) => {
    const difference = await diffReleases(
      services,
      await requireEnvironment(services.database, params),
      query,
    );
    return {
      ...difference,
      config: difference.config.map(
        (entry) =>
          structuredClone(entry) as { path: string; from: z.core.util.JSONType; to: z.core.util.JSONType },
      ),
    };
  },

  planDeploy: async (services, { params, query }) => {
    const { database } = services;
    const plan = await describePlan(database, await requireEnvironment(database, params));
    if (query.artifact === undefined) return plan;
    await verifyArtifact(services, await artifactNamed(database, query.artifact));
    const checked = `The bytes of ${query.artifact} have this digest, and this installation signed them.`;
    return { ...plan, sentences: [...plan.sentences, checked] };
  },

  deploy: async (services, { params, body, id, caller }) => {
    const artifact = await artifactNamed(services.database, body.artifact);
    const environment = await requireEnvironment(services.database, params);
    await verifyArtifact(services, artifact);
    const latest = (await listReleases(services.database, environment.id, 1))[0];
    const repository = latest?.repository_id
      ? await findRepository(services.database, latest.repository_id)
      : null;
    const run = artifact.run_id ? await findRun(services.database, artifact.run_id) : null;
    const started = await services.database.transaction((sql) =>
      startDeploy(services, sql, {
        app: environment.app,
        environment: environment.name,
        config: environment.config,
        artifact,
        askedBy: `api ${body.id ?? id}`,
        repository,
        commit: artifact.commit,
        schemaFiles: run?.schema_files ?? null,
        automatedSince: null,
        token: caller.id,
      }),
    );
    services.hints.send('duty');
    return {
      rollout: started.id,
      sentence: `release ${started.number} of ${nameOf(environment)} is being rolled out`,
    };
  },

  rollBack: async (services, { params, body, id }) => {
    const environment = await requireEnvironment(services.database, params);
    const started = await services.database.transaction((sql) =>
      startRollback(sql, { environment, to: body?.to ?? null, askedBy: `api ${body?.id ?? id}` }),
    );
    services.hints.send('duty');
    return { rollout: started.id, sentence: `${nameOf(environment)} goes back to release ${started.number}` };
  },

  listRollouts: async ({ database }, { params, query }) => {
    const environment = await requireEnvironment(database, params);
    const rows = await listRollouts(database, environment.id, query.limit + 1, query.cursor);
    const { shown, next } = onePage(rows, query.limit, ({ id }) => id);
    return {
      items: await Promise.all(shown.map((row) => describeRollout(database, environment, row))),
      next,
    };
  },

  showRollout: async ({ database }, { params }) => {
    const { row, environment } = await requireRollout(database, params.id);
    return describeRollout(database, environment, row);
  },

  showTraffic: async ({ database }, { params }) => {
    const { row, environment } = await requireRollout(database, params.id);
    const from = Math.floor(row.started_at.getTime() / 1000) - 15;
    const to = row.ended_at ? Math.ceil(row.ended_at.getTime() / 1000) + 15 : Math.ceil(Date.now() / 1000);
    const intervals = await intervalsBetween(database, nameOf(environment), from, to);
    return { points: pointsOf(intervals, row.candidate) };
  },

  steerRollout: async ({ database, hints }, { params, body, id, caller }) => {
    const { row } = await requireRollout(database, params.id);
    if (params.verb === 'retry') {
      await database.transaction((sql) => startRetry(sql, { row, askedBy: `api ${id}`, token: caller.id }));
      hints.send('duty');
      return { did: `rollout ${row.id}: its release is being rolled out again` };
    }
    const request: RolloutRequest =
      params.verb === 'advance'
        ? { id, kind: 'advance', full: body?.full ?? false }
        : params.verb === 'abort'
          ? { id, kind: 'abort', reason: body?.reason ?? 'aborted by hand' }
          : { id, kind: params.verb };
    checkFit(row, request);
    await database.transaction((sql) => pass(sql, row, request));
    hints.send('duty');
    return { did: `rollout ${row.id}: ${params.verb}` };
  },

  answerRollout: async ({ database, hints }, { params, caller, id }) => {
    const { row, environment } = await requireRollout(database, params.id);
    const release = (await findRelease(database, row.candidate)) as ReleaseRow;
    checkApprover(release, caller.name);
    if (params.answer === 'approve' && row.data.askedBy === caller.id)
      throw new HoldfastError(
        'approverUnfit',
        `${caller.name} asked for this rollout; another person approves it`,
      );
    const name = nameOf(environment);
    if (params.answer === 'reject') {
      const request: RolloutRequest = { id, kind: 'reject', by: caller.name };
      checkFit(row, request);
      await database.transaction((sql) => pass(sql, row, request));
      hints.send('duty');
      return { did: `release ${release.number} of ${name}: rejected` };
    }
    const digest = contentDigest(release);
    await database.transaction(async (sql) => {
      await approve(sql, { environment: environment.id, digest, token: caller.id, name: caller.name });
      await hastenDuty(sql, 'environment', environment.id);
    });
    hints.send('duty');
    return { did: `release ${release.number} of ${name}: approved as ${digest.slice(0, 12)}` };
  },

  freeze: async ({ database, hints }, { params, body }) => {
    const environment = await requireEnvironment(database, params);
    const { freeze } = body;
    const until = freeze ? new Date(freeze.until) : null;
    if (until !== null && until.getTime() <= Date.now())
      throw new HoldfastError(
        'requestInvalid',
        `expected a time that is still to come, found ${freeze?.until}`,
      );
    await setFreeze(database, environment.id, freeze && until ? { until, why: freeze.why } : null);
    hints.send('duty');
    return {
      did: freeze
        ? `${nameOf(environment)} is frozen until ${freeze.until}`
        : `${nameOf(environment)} is not frozen`,
    };
  },
};

async function pass(sql: Queryable, row: RolloutRow, request: RolloutRequest): Promise<void> {
  await requestOfRollout(sql, row.id, request);
  await reviveDuty(sql, 'environment', row.environment_id);
  await hastenDuty(sql, 'environment', row.environment_id);
}

/** `approvals.from` names who may; the frozen configuration of what is approved says so. */
function checkApprover(release: ReleaseRow, name: string): void {
  const from = release.config.approvals?.from ?? [];
  if (from.length === 0 || from.includes(name)) return;
  throw new HoldfastError('approverUnfit', `${name} may not answer here, expected one of ${from.join(', ')}`);
}

/** Asked of the machine itself, so that the refusal is its own sentence. */
function checkFit(row: RolloutRow, request: RolloutRequest): void {
  const decided = decide(row.data, request, { now: Date.now(), special: specialFunctions });
  if (!decided.ok) throw new HoldfastError('rolloutRefused', decided.refusal.sentence);
}

export async function requireEnvironment(
  sql: Queryable,
  { app, environment }: { readonly app: string; readonly environment: string },
): Promise<EnvironmentRow> {
  const row = await findEnvironment(sql, app, environment);
  if (row) return row;
  const known = (await listEnvironments(sql)).map(nameOf).join(', ');
  throw new HoldfastError(
    'environmentUnknown',
    `there is no environment ${app}/${environment}, expected one of ${known || '(none: nothing was ever deployed)'}`,
  );
}

async function requireRollout(
  sql: Queryable,
  id: string,
): Promise<{ readonly row: RolloutRow; readonly environment: EnvironmentRow }> {
  const row = await findRollout(sql, id);
  if (!row) throw new HoldfastError('rolloutUnknown', `there is no rollout ${id}`);
  return { row, environment: (await environmentById(sql, row.environment_id)) as EnvironmentRow };
}

/** Seen from one rollout: its candidate, by release, and everything else, whatever it was called then. */
function pointsOf(intervals: readonly IntervalRow[], candidate: string) {
  const seconds = new Map<number, IntervalRow['counts'][number][]>();
  for (const { second, counts } of intervals)
    seconds.set(second, [...(seconds.get(second) ?? []), ...counts]);
  return [...seconds.entries()]
    .sort(([a], [b]) => a - b)
    .map(([second, counts]) => ({
      at: new Date(second * 1000).toISOString(),
      groups: groupsOf(counts, candidate),
    }));
}

function groupsOf(given: readonly IntervalRow['counts'][number][], candidate: string) {
  const counts = given.map((entry) => ({
    ...entry,
    name: entry.release === candidate ? 'candidate' : entry.name === 'baseline' ? 'baseline' : 'stable',
  }));
  const names = [...new Set(counts.map((entry) => entry.name))];
  return names.map((name) => {
    const own = counts.filter((entry) => entry.name === name);
    const latency = own.reduce((all, entry) => mergeHistograms(all, entry.latency), {});
    return {
      name,
      requests: own.reduce((sum, entry) => sum + entry.requests, 0),
      failed: own.reduce((sum, entry) => sum + entry.failed, 0),
      p95Ms: quantileMs(latency, 0.95),
    };
  });
}

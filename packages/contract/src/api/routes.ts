import { SCOPES } from '@holdfast/core/access/access.ts';
import { z } from 'zod';
import * as resource from './resources.ts';
import { route } from './route.ts';

/** Every operation of /api/v1. */
const none = z.object({});
const nothing = z.undefined().optional();
const id = z.object({ id: z.uuid() });
const inEnvironment = z.object({ app: z.string(), environment: z.string() });
const page = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.uuid().optional().describe('`next` of the page before.'),
});
const numberedPage = page.extend({
  cursor: z.coerce.number().int().optional().describe('`next` of the page before.'),
});
const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), next: z.string().nullable() });
const commit = z.object({ commit: z.string(), author: z.string(), subject: z.string() });
const did = z.object({ did: z.string() });
const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected letters, digits and underscores');
const scoped = z.object({
  repository: z.string().optional().describe('Only for this repository; for all without it.'),
});

const base = { params: none, query: none, body: nothing } as const;
const read = { ...base, method: 'GET', scope: 'read' } as const;
const change = { ...base, method: 'POST', scope: 'write', answer: did } as const;

export const routes = {
  listRepositories: route({
    ...read,
    path: '/api/v1/repositories',
    summary: 'Watched repositories',
    answer: pageOf(resource.repository),
  }),
  addRepository: route({
    ...change,
    path: '/api/v1/repositories',
    summary: 'Watch a repository',
    body: z.object({
      id: z.uuid().optional(),
      name: z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'expected letters, digits, dot, dash, underscore'),
      url: z.string().min(1),
      pollSeconds: z.int().min(1).max(86_400).default(30),
    }),
    answer: resource.repository.extend({ webhookSecret: z.string() }),
  }),
  removeRepository: route({
    ...change,
    method: 'DELETE',
    path: '/api/v1/repositories/:name',
    summary: 'Stop watching it',
    params: z.object({ name: z.string() }),
  }),

  listRuns: route({
    ...read,
    path: '/api/v1/runs',
    summary: 'Runs, newest first',
    query: page.extend({ repository: z.string().optional(), state: resource.runState.optional() }),
    answer: pageOf(resource.runSummary),
  }),
  startRun: route({
    ...change,
    path: '/api/v1/runs',
    summary: 'Start a run',
    body: z.object({
      id: z.uuid().optional(),
      repository: z.string(),
      ref: z.string().optional(),
      workflow: z.string().optional(),
      inputs: z.record(z.string(), z.string()).default({}),
    }),
    answer: z.object({ trigger: z.uuid() }),
  }),
  showTrigger: route({
    ...read,
    path: '/api/v1/triggers/:id',
    summary: 'What became of a trigger',
    params: id,
    answer: z.object({
      id: z.uuid(),
      state: z.enum(['pending', 'done', 'refused']),
      runs: z.array(z.uuid()),
      reason: z.string().nullable(),
    }),
  }),
  showRun: route({
    ...read,
    path: '/api/v1/runs/:id',
    summary: 'One run with jobs, steps and attempts',
    params: id,
    answer: resource.run,
  }),
  cancelRun: route({
    ...change,
    path: '/api/v1/runs/:id/cancel',
    summary: 'Cancel a run',
    params: id,
    body: z.object({ force: z.boolean().default(false) }).optional(),
  }),
  rerunRun: route({
    ...change,
    path: '/api/v1/runs/:id/rerun',
    summary: 'Run the same commit and definition again: all of it, what failed, or from a job or step on',
    params: id,
    body: z
      .object({
        failed: z.boolean().default(false),
        /** step: its id, or its number from 1; its job begins at the last checkpoint before it. */
        from: z.object({ job: z.string(), step: z.string().optional() }).optional(),
      })
      .optional(),
    answer: z.object({ run: z.uuid() }),
  }),
  answerJob: route({
    ...change,
    path: '/api/v1/jobs/:id/:answer',
    summary: 'Answer what a job asks (HOLDFAST_ON_LOST: ask): run the step again, or let the job fail',
    params: z.object({ id: z.uuid(), answer: z.enum(['approve', 'reject']) }),
  }),
  readLog: route({
    ...read,
    path: '/api/v1/runs/:id/logs/:job/:step',
    summary: 'The log of a step from a byte offset; grows while the step runs',
    params: z.object({ id: z.uuid(), job: z.string(), step: z.coerce.number().int() }),
    query: z.object({
      offset: z.coerce.number().int().min(0).default(0),
      attempt: z.coerce.number().int().optional(),
    }),
    answer: z.object({ text: z.string(), next: z.int(), ended: z.boolean() }),
  }),
  why: route({
    ...read,
    path: '/api/v1/why/:id',
    summary: 'Why this run, job or rollout waits, in one sentence',
    params: id,
    answer: z.object({ sentence: z.string() }),
  }),

  listArtifacts: route({
    ...read,
    path: '/api/v1/artifacts',
    summary: 'Artifacts, newest first',
    query: page.extend({ name: z.string().optional() }),
    answer: pageOf(resource.artifact),
  }),
  verifyArtifact: route({
    ...read,
    path: '/api/v1/artifacts/:name/:digest/verification',
    summary: 'Read the bytes again and check digest and signature',
    params: z.object({ name: z.string(), digest: z.string() }),
    answer: z.object({ ok: z.boolean(), sentence: z.string() }),
  }),

  listEnvironments: route({
    ...read,
    path: '/api/v1/environments',
    summary: 'Every environment with what it serves',
    answer: pageOf(resource.environment),
  }),
  showEnvironment: route({
    ...read,
    path: '/api/v1/environments/:app/:environment',
    summary: 'One environment',
    params: inEnvironment,
    answer: resource.environment,
  }),
  listReleases: route({
    ...read,
    path: '/api/v1/environments/:app/:environment/releases',
    summary: 'Releases, newest first',
    params: inEnvironment,
    query: numberedPage,
    answer: pageOf(resource.release),
  }),
  diffReleases: route({
    ...read,
    path: '/api/v1/environments/:app/:environment/diff',
    summary: 'What changed from one release to another',
    params: inEnvironment,
    query: z.object({ from: z.coerce.number().int(), to: z.coerce.number().int() }),
    answer: z.object({
      from: resource.release,
      to: resource.release,
      commits: z.array(commit),
      /** What `from` has and `to` has not: what going back leaves behind. */
      commitsGone: z.array(commit).default([]),
      config: z.array(z.object({ path: z.string(), from: z.json().nullable(), to: z.json().nullable() })),
      secrets: z.array(z.object({ name: z.string(), from: z.int().nullable(), to: z.int().nullable() })),
      /** Schema changes that only one of them holds, or that differ. */
      schema: z.array(z.object({ version: z.int(), change: z.enum(['added', 'removed', 'changed']) })),
    }),
  }),
  planDeploy: route({
    ...read,
    path: '/api/v1/environments/:app/:environment/plan',
    summary: 'What a rollout would do and whether the traffic can judge it',
    params: inEnvironment,
    query: z.object({
      artifact: z.string().optional().describe('NAME@DIGEST; its bytes and its signature are checked.'),
    }),
    answer: resource.plan,
  }),
  deploy: route({
    ...change,
    path: '/api/v1/environments/:app/:environment/deploy',
    summary: 'Roll an artifact out',
    params: inEnvironment,
    body: z.object({ id: z.uuid().optional(), artifact: z.string().describe('NAME@DIGEST') }),
    answer: z.object({ rollout: z.uuid(), sentence: z.string() }),
  }),
  rollBack: route({
    ...change,
    path: '/api/v1/environments/:app/:environment/rollback',
    summary: 'Move traffic back to a retained release',
    params: inEnvironment,
    body: z.object({ id: z.uuid().optional(), to: z.int().optional() }).optional(),
    answer: z.object({ rollout: z.uuid(), sentence: z.string() }),
  }),
  listMigrations: route({
    ...read,
    path: '/api/v1/environments/:app/:environment/migrations',
    summary: 'Schema changes of its database, and how far each got',
    params: inEnvironment,
    answer: pageOf(resource.migration),
  }),
  planMigrations: route({
    ...read,
    path: '/api/v1/environments/:app/:environment/migrations/plan',
    summary: 'What the changes that are not done would do: statements, locks, rows, the point of no return',
    params: inEnvironment,
    answer: pageOf(resource.migrationPlan),
  }),
  steerMigration: route({
    ...change,
    path: '/api/v1/environments/:app/:environment/migrations/:version/:verb',
    summary: 'Expand, pause, resume, contract or abort a schema change',
    params: inEnvironment.extend({
      version: z.coerce.number().int().min(1),
      verb: z.enum(['expand', 'pause', 'resume', 'contract', 'abort']),
    }),
  }),
  listRollouts: route({
    ...read,
    path: '/api/v1/environments/:app/:environment/rollouts',
    summary: 'Rollouts, newest first',
    params: inEnvironment,
    query: page,
    answer: pageOf(resource.rollout),
  }),
  showRollout: route({
    ...read,
    path: '/api/v1/rollouts/:id',
    summary: 'One rollout',
    params: id,
    answer: resource.rollout,
  }),
  showTraffic: route({
    ...read,
    path: '/api/v1/rollouts/:id/traffic',
    summary: 'Requests, errors and p95 by group over the life of a rollout',
    params: id,
    answer: z.object({ points: z.array(resource.trafficPoint) }),
  }),
  steerRollout: route({
    ...change,
    path: '/api/v1/rollouts/:id/:verb',
    summary: 'Advance, pause, resume or abort; retry starts the same release again',
    params: z.object({ id: z.uuid(), verb: z.enum(['advance', 'pause', 'resume', 'abort', 'retry']) }),
    body: z.object({ full: z.boolean().default(false), reason: z.string().optional() }).optional(),
  }),
  answerRollout: route({
    ...change,
    path: '/api/v1/rollouts/:id/approval/:answer',
    summary: 'Approve exactly this artifact, configuration and secrets for this environment, or reject it',
    params: z.object({ id: z.uuid(), answer: z.enum(['approve', 'reject']) }),
  }),
  freeze: route({
    ...change,
    method: 'PUT',
    path: '/api/v1/environments/:app/:environment/freeze',
    summary: 'No rollout starts until then; rollbacks still do. null lifts it',
    params: inEnvironment,
    body: z.object({
      freeze: z.object({ until: z.iso.datetime(), why: z.string().min(1).max(500) }).nullable(),
    }),
  }),

  listAdvice: route({
    ...read,
    path: '/api/v1/advice',
    summary: 'What is away, short or parked, and what in the workflows could do harm when a machine is lost',
    answer: pageOf(z.object({ subject: z.string(), sentence: z.string() })),
  }),

  listAgents: route({ ...read, path: '/api/v1/agents', summary: 'Agents', answer: pageOf(resource.agent) }),
  pauseAgent: route({
    ...change,
    path: '/api/v1/agents/:id/:verb',
    summary: 'Pause, resume or drain an agent',
    params: z.object({ id: z.string(), verb: z.enum(['pause', 'resume', 'drain']) }),
  }),

  listSecrets: route({
    ...read,
    scope: 'write',
    path: '/api/v1/secrets',
    summary: 'Names and versions, never values',
    query: scoped,
    answer: pageOf(z.object({ name: z.string(), version: z.int(), updatedAt: z.string() })),
  }),
  setSecret: route({
    ...change,
    method: 'PUT',
    path: '/api/v1/secrets/:name',
    summary: 'Set a secret',
    params: z.object({ name: variableName }),
    query: scoped,
    body: z.object({ value: z.string().min(1).max(65_536) }),
  }),
  removeSecret: route({
    ...change,
    method: 'DELETE',
    path: '/api/v1/secrets/:name',
    summary: 'Remove a secret',
    params: z.object({ name: variableName }),
    query: scoped,
  }),
  listVariables: route({
    ...read,
    path: '/api/v1/variables',
    summary: 'Variables',
    query: scoped,
    answer: pageOf(z.object({ name: z.string(), value: z.string() })),
  }),
  setVariable: route({
    ...change,
    method: 'PUT',
    path: '/api/v1/variables/:name',
    summary: 'Set a variable',
    params: z.object({ name: variableName }),
    query: scoped,
    body: z.object({ value: z.string().max(65_536) }),
  }),
  removeVariable: route({
    ...change,
    method: 'DELETE',
    path: '/api/v1/variables/:name',
    summary: 'Remove a variable',
    params: z.object({ name: variableName }),
    query: scoped,
  }),

  listTokens: route({
    ...read,
    scope: 'admin',
    path: '/api/v1/tokens',
    summary: 'Tokens, never their text',
    answer: pageOf(resource.token),
  }),
  createToken: route({
    ...change,
    scope: 'admin',
    path: '/api/v1/tokens',
    summary: 'Make a token; its text is shown once',
    body: z.object({
      id: z.uuid().optional(),
      name: z.string().min(1).max(100),
      scopes: z.array(z.enum(SCOPES)).min(1),
    }),
    answer: resource.token.extend({ text: z.string() }),
  }),
  revokeToken: route({
    ...change,
    method: 'DELETE',
    scope: 'admin',
    path: '/api/v1/tokens/:id',
    summary: 'Revoke a token',
    params: id,
  }),
} as const;

export type Routes = typeof routes;
export type RouteName = keyof Routes;

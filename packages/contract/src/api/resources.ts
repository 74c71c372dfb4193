import { SCOPES } from '@holdfast/core/access/access.ts';
import { MIGRATION_PHASES, MIGRATION_STATES } from '@holdfast/core/migration/migration.ts';
import { ATTEMPT_STATES, RUN_STATES } from '@holdfast/core/pipeline/pipeline.ts';
import { HELD_FOR, ROLLOUT_STATES, STRATEGIES } from '@holdfast/core/rollout/rollout.ts';
import { z } from 'zod';

/** What the API shows. Times are RFC 3339 in UTC; shares are basis points of 10,000. */
const id = z.uuid();
const time = z.string();
const when = time.nullable();

export const repository = z.object({
  id,
  name: z.string(),
  url: z.string(),
  pollSeconds: z.int(),
  lastPolledAt: when,
  problem: z.string().nullable(),
});

export const runState = z.enum(RUN_STATES);
export const attemptState = z.enum(ATTEMPT_STATES);
export const rolloutState = z.enum(ROLLOUT_STATES);

export const attempt = z.object({
  id,
  number: z.int(),
  agent: z.string().nullable(),
  state: attemptState,
  exitCode: z.int().nullable(),
  reason: z.string().nullable(),
  startedAt: when,
  endedAt: when,
});

export const step = z.object({
  index: z.int(),
  name: z.string(),
  state: z.enum(['queued', ...ATTEMPT_STATES]),
  attempts: z.array(attempt),
  annotations: z.array(z.object({ level: z.string(), message: z.string(), place: z.string().nullable() })),
  summary: z.string().nullable(),
});

export const job = z.object({
  id,
  key: z.string(),
  name: z.string(),
  needs: z.array(z.string()),
  state: runState,
  reason: z.string().nullable(),
  agent: z.string().nullable(),
  /** From which step another agent would go on, and why not from there if it could not. */
  resume: z.object({ step: z.int(), portable: z.boolean(), why: z.string().nullable() }),
  /** What must be answered before the job may run again; null: nothing. */
  asks: z.string().nullable(),
  outputs: z.record(z.string(), z.json()),
  queuedAt: when,
  startedAt: when,
  endedAt: when,
  steps: z.array(step),
});

export const runSummary = z.object({
  id,
  number: z.int(),
  repository: z.string(),
  workflow: z.string(),
  name: z.string(),
  ref: z.string(),
  commit: z.string(),
  message: z.string(),
  event: z.string(),
  state: runState,
  reason: z.string().nullable(),
  createdAt: time,
  startedAt: when,
  endedAt: when,
});

export const run = runSummary.extend({ jobs: z.array(job) });

export const artifact = z.object({
  id,
  name: z.string(),
  digest: z.string(),
  bytes: z.int(),
  runId: id.nullable(),
  commit: z.string().nullable(),
  createdAt: time,
  envelope: z.json(),
});

export const metricVerdict = z.object({
  metric: z.string(),
  /** rate: a fraction of requests · ms · share: relative to the baseline's value. */
  unit: z.enum(['rate', 'ms', 'share']).default('rate'),
  verdict: z.string(),
  candidate: z.number().nullable(),
  baseline: z.number().nullable(),
  estimate: z.number().nullable(),
  interval: z.tuple([z.number(), z.number()]).nullable(),
  margin: z.number(),
  n: z.object({ candidate: z.int(), baseline: z.int() }),
  alpha: z.number(),
  sentence: z.string(),
});

export const judgement = z.object({
  verdict: z.string(),
  /** Harm of several times the margin would show by now, and nothing speaks for it. */
  wouldShow: z.boolean().default(false),
  sentence: z.string(),
  metrics: z.array(metricVerdict),
});

export const release = z.object({
  id,
  number: z.int(),
  artifact: z.string(),
  commit: z.string().nullable(),
  createdAt: time,
  servedAt: when,
  /** hot: instances run. cold: they start first. none: no longer kept. */
  returnable: z.enum(['serving', 'hot', 'cold', 'none']),
  /** Seconds until it could serve, from its last measured start; null: never measured. */
  secondsToServe: z.number().nullable(),
});

export const rollout = z.object({
  id,
  environment: z.string(),
  kind: z.enum(['release', 'rollback']),
  state: rolloutState,
  candidate: release,
  stable: release.nullable(),
  step: z.int(),
  strategy: z.enum(STRATEGIES),
  steps: z.array(
    z.object({
      weight: z.int(),
      dwellMs: z.number(),
      gate: z.boolean(),
      mirror: z.int(),
      candidates: z.int(),
    }),
  ),
  /** Why it is held: a gate, too few replicas, a verdict, or harm; null: it is not. */
  heldFor: z.enum(HELD_FOR).nullable(),
  approvals: z.object({
    needed: z.int(),
    digest: z.string().nullable(),
    given: z.array(z.object({ name: z.string(), at: time })),
  }),
  weight: z.int(),
  reason: z.string().nullable(),
  unjudged: z.boolean(),
  /** Requests that were cut off because a drain deadline passed. */
  lostRequests: z.int().default(0),
  judgement: judgement.nullable(),
  startedAt: time,
  trafficSince: when,
  stateSince: time,
  endedAt: when,
  history: z.array(
    z.object({ at: time, state: rolloutState, weight: z.int(), reason: z.string().nullable() }),
  ),
});

export const migrationState = z.enum(MIGRATION_STATES);

export const migration = z.object({
  environment: z.string(),
  version: z.int(),
  name: z.string(),
  digest: z.string(),
  form: z.enum(['phases', 'declared', 'plain']),
  state: migrationState,
  /** The state to which it goes back when it is resumed; null: it is not paused. */
  pausedFrom: migrationState.nullable(),
  /** person: until somebody resumes it · signal: goes on by itself · failure: somebody must look. */
  pausedBy: z.enum(['person', 'signal', 'failure']).nullable(),
  reason: z.string().nullable(),
  stateSince: time,
  progress: z
    .object({
      rows: z.number(),
      total: z.number().nullable(),
      rowsPerSecond: z.number().nullable(),
      batch: z.number().nullable(),
    })
    .nullable(),
  /** Contracting or done: what releases before it read is gone. */
  pointOfNoReturn: z.enum(['ahead', 'passed']),
  /** Releases that use its new shape, and those that use the old one. */
  users: z.object({ needing: z.array(z.int()), keepingOld: z.array(z.int()) }),
  history: z.array(z.object({ at: time, state: migrationState, reason: z.string().nullable() })),
});

export const migrationStep = z.object({
  phase: z.enum(MIGRATION_PHASES),
  sql: z.array(z.string()),
  locks: z.array(
    z.object({
      relation: z.string(),
      lock: z.string(),
      blocks: z.string().nullable(),
      scan: z.boolean(),
      rewrite: z.boolean(),
    }),
  ),
  /** Of the table that a backfill or an index reads; null: a moment. */
  rows: z.number().nullable(),
});

export const migrationPlan = z.object({
  version: z.int(),
  name: z.string(),
  steps: z.array(migrationStep),
  findings: z.array(
    z.object({ severity: z.string(), rule: z.string(), message: z.string(), place: z.string() }),
  ),
  sentences: z.array(z.string()),
});

export const instance = z.object({
  id,
  release: z.int(),
  group: z.string(),
  agent: z.string(),
  state: z.string(),
  desired: z.string(),
  reason: z.string().nullable(),
  port: z.int().nullable(),
  createdAt: time,
});

export const environment = z.object({
  id,
  name: z.string(),
  app: z.string(),
  environment: z.string(),
  stable: release.nullable(),
  previous: release.nullable(),
  rollout: rollout.nullable(),
  instances: z.array(instance),
  routers: z.array(z.object({ id, workers: z.int(), mute: z.int(), revision: z.int() })),
  /** The schema change that is worked on, or else the newest one; null: there is none. */
  migrations: z
    .object({ version: z.int(), state: z.enum(MIGRATION_STATES), reason: z.string().nullable() })
    .nullable()
    .default(null),
  hold: z.string().nullable(),
  frozen: z.object({ until: time, why: z.string() }).nullable(),
  listen: z.int().nullable(),
  /** Port of the router where the candidate of a blue-green rollout answers before the switch. */
  preview: z.int().nullable(),
  /** Over the last minute. */
  traffic: z.object({ requestsPerSecond: z.number(), errorRate: z.number(), p95Ms: z.number().nullable() }),
  /** shallow: an instance answers a plain 200, and no business probe is asked; unknown: none was ready yet. */
  readiness: z.enum(['full', 'shallow', 'unknown']),
});

export const trafficPoint = z.object({
  at: time,
  groups: z.array(
    z.object({ name: z.string(), requests: z.int(), failed: z.int(), p95Ms: z.number().nullable() }),
  ),
});

export const agent = z.object({
  id,
  name: z.string(),
  state: z.enum(['online', 'suspect', 'lost', 'draining', 'paused', 'offline']),
  labels: z.array(z.string()),
  zone: z.string(),
  slots: z.int(),
  busy: z.int(),
  host: z.boolean(),
  /** Why it takes nothing new though it has slots. */
  holdsBack: z.string().nullable(),
  lastSeenAt: when,
});

export const token = z.object({
  id,
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  createdAt: time,
  revokedAt: when,
});

export const event = z.object({
  position: z.int(),
  at: time,
  topic: z.string(),
  subject: z.string(),
  kind: z.string(),
  data: z.record(z.string(), z.json()),
});

export const plan = z.object({
  environment: z.string(),
  replicas: z.int(),
  strategy: z.enum(STRATEGIES),
  recommended: z.enum(STRATEGIES),
  steps: z.array(z.object({ weight: z.int(), replicas: z.int(), dwellMs: z.number(), gate: z.boolean() })),
  requestsPerSecond: z.number(),
  decidable: z.boolean(),
  /** The least rise of the error rate that would be seen four times out of five; a fraction. */
  detectable: z.number().nullable(),
  shortestMs: z.number(),
  longestMs: z.number(),
  /** Steps that the replicas cannot carry. */
  overloads: z.array(z.string()),
  sentences: z.array(z.string()),
});

export type RepositoryView = z.infer<typeof repository>;
export type RunSummary = z.infer<typeof runSummary>;
export type RunView = z.infer<typeof run>;
export type JobView = z.infer<typeof job>;
export type StepView = z.infer<typeof step>;
export type ArtifactView = z.infer<typeof artifact>;
export type ReleaseView = z.infer<typeof release>;
export type RolloutView = z.infer<typeof rollout>;
export type EnvironmentView = z.infer<typeof environment>;
export type TrafficPoint = z.infer<typeof trafficPoint>;
export type MigrationView = z.infer<typeof migration>;
export type MigrationPlanView = z.infer<typeof migrationPlan>;
export type InstanceView = z.infer<typeof instance>;
export type AgentView = z.infer<typeof agent>;
export type TokenView = z.infer<typeof token>;
export type EventView = z.infer<typeof event>;
export type PlanView = z.infer<typeof plan>;

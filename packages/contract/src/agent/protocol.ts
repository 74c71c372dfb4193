import type { JobDefinition, Template } from '@holdfast/core/pipeline/pipeline.ts';
import { z } from 'zod';

/**
 * What an agent and a controller say to each other (docs/protocol.md §2). Unknown fields are
 * ignored; answers never grow new required fields.
 */
const id = z.uuid();
const epoch = z.int().min(0);
const values = z.record(z.string(), z.json());

/** Text as PostgreSQL can keep it: a NUL, which a step may print, becomes the replacement character. */
const text = z.string().transform((given) => given.toWellFormed().replaceAll('\0', '\uFFFD'));
const outputs = z.record(text, text);
const conclusion = z.enum(['succeeded', 'failed', 'cancelled', 'skipped']);

export const hello = z.object({
  protocol: z.object({ version: z.int(), min: z.int() }),
  agentId: id,
  sessionId: id,
  name: z.string().min(1).max(100),
  labels: z.array(z.string()),
  zone: z.string().default(''),
  slots: z.int().min(0).max(1000),
  host: z.boolean(),
  /** Where routers reach instances of this agent. */
  address: z.string(),
});

export const timers = z.object({
  heartbeatMs: z.int(),
  lostMs: z.int(),
});

export const helloAnswer = z.object({
  protocol: z.object({ version: z.int(), min: z.int() }),
  timers,
});

const leased = { jobId: id, epoch };
const attempt = { ...leased, attemptId: id, index: z.int().min(0) };

export const report = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('leaseAcknowledged'), ...leased }),
  z.object({ kind: z.literal('leaseReturned'), ...leased, checkpoint: z.string().nullable(), reason: text }),
  z.object({ kind: z.literal('stepStarted'), ...attempt, name: text }),
  z.object({
    kind: z.literal('stepFinished'),
    ...attempt,
    name: text,
    conclusion,
    /** What the step itself did, before continue-on-error. */
    outcome: conclusion,
    exitCode: z.int().nullable(),
    signal: z.string().nullable(),
    reason: text.nullable(),
    durationMs: z.number().min(0).default(0),
    outputs,
    annotations: z.array(
      z.object({
        level: z.enum(['error', 'warning', 'notice']),
        message: text,
        place: text.nullable(),
      }),
    ),
    summary: text.nullable(),
    /** Blob that another agent restores to go on at the next step; null: this step wrote none. */
    checkpoint: z.string().nullable(),
    /** Set when the job stopped being portable with this step: why it could not go on elsewhere. */
    notPortable: z.string().nullable(),
    /** Kept, and it does not count: run again at once, as HOLDFAST_RETRY says, or done again, as HOLDFAST_ON_RESTORE says. */
    again: z.boolean().default(false),
  }),
  z.object({
    kind: z.literal('jobFinished'),
    ...leased,
    conclusion,
    outputs,
    reason: text.nullable(),
  }),
]);

export const observation = z.object({
  id,
  generation: z.int(),
  epoch,
  state: z.enum(['starting', 'ready', 'unready', 'draining', 'stopped', 'crashed']),
  port: z.int().nullable(),
  reason: z.string().nullable(),
  startMs: z.int().nullable(),
  /** Its last good answer named no release: a plain 200 was believed; null: none yet. */
  shallow: z.boolean().nullable().default(null),
});

/** Of signs of life, exchanges and polls alike: counts up within a session, so that one that comes late is known for old. 0: not numbered. */
export const signNumber = z.int().min(0).default(0);

export const exchange = z.object({
  agentId: id,
  sessionId: id,
  number: signNumber,
  freeSlots: z.int().min(0),
  reports: z.array(z.object({ number: z.int().min(1), report })),
  /** The ends of logs, with the reports that they belong to; long logs go by their own way. */
  logs: z.array(z.object({ attemptId: id, offset: z.int().min(0), text })).default([]),
  /** False: only reports. True: work may be claimed, and grants and orders are told. */
  full: z.boolean().default(true),
  instances: z.array(observation).default([]),
  /** Leases this agent holds but whose grants it no longer has: it restarted. */
  wanted: z.array(id).default([]),
  bye: z.boolean().default(false),
  /** Why it takes nothing new though it has slots, in a sentence for people. */
  holdsBack: text.pipe(z.string().max(300)).nullable().default(null),
});

export const grant = z.object({
  jobId: id,
  runId: id,
  epoch,
  name: z.string(),
  definition: z.custom<JobDefinition>(),
  workflowEnv: z.custom<Template>(),
  /** The contexts of the expression language: github, inputs, vars, needs, matrix, strategy. */
  values,
  secrets: z.record(z.string(), z.string()),
  source: z.object({ digest: z.string(), commit: z.string() }),
  /** 32 bytes in base64 that seal the checkpoints of this repository. */
  checkpointKey: z.string(),
  /** Where a lost agent left off; null: from the first step. */
  resume: z.object({ index: z.int(), checkpoint: z.string() }).nullable(),
  /** This controller knows attempts that are run again; to an older one a step fails at its first. */
  retries: z.boolean().default(false),
});

const probe = z.object({ path: z.string(), status: z.int(), json: values.nullable() });

const readiness = z.object({
  path: z.string(),
  successes: z.int(),
  intervalMs: z.int(),
  timeoutMs: z.int(),
  latencyMs: z.int(),
  probes: z.array(probe),
  /** Log in on an instance of the stable release, go on with the session on this one. */
  session: z
    .object({
      login: z.object({
        path: z.string(),
        method: z.string(),
        headers: z.record(z.string(), z.string()),
        body: z.string(),
        status: z.int(),
      }),
      next: probe,
    })
    .nullable()
    .default(null),
});

export const order = z.object({
  id,
  generation: z.int(),
  epoch,
  desired: z.enum(['run', 'drain', 'stop']),
  release: z.string(),
  releaseDigest: z.string(),
  artifact: z.object({ name: z.string(), digest: z.string() }),
  command: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  graceMs: z.int(),
  readiness,
  /** A ready instance of the stable release, for the session check; null: there is none, or no need. */
  peer: z.object({ host: z.string(), port: z.int() }).nullable().default(null),
});

export const exchangeAnswer = z.object({
  results: z.array(
    z.object({
      number: z.int(),
      outcome: z.enum(['accepted', 'fenced', 'refused']),
      reason: z.string().nullable(),
    }),
  ),
  /** Every lease this agent holds; one that is not listed is lost. */
  leases: z.array(z.object({ jobId: id, epoch, acknowledged: z.boolean(), cancel: z.boolean() })),
  grants: z.array(grant),
  /** Every instance this agent should have; one that is not listed is to be stopped. Absent: not asked for. */
  orders: z.array(order).optional(),
  /** What people want of this agent: work, take nothing new, or finish and leave. */
  intent: z.enum(['work', 'pause', 'drain']).default('work'),
});

export const logAppend = z.object({
  jobId: id,
  epoch,
  attemptId: id,
  index: z.int(),
  offset: z.int().min(0),
  text,
});

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
export const missingAsked = z.object({ digests: z.array(digest).max(1_000) });
export const missingAnswer = z.object({ missing: z.array(digest) });
/** A checkpoint by its name (the digests of its manifest's chunks) and all that it is made of. */
export const checkpointKept = z.object({ name: z.string().max(4_000), blobs: z.array(digest).max(200_000) });

export const publishAnswer = z.object({ id, name: z.string(), digest: z.string() });

export type Hello = z.infer<typeof hello>;
export type HelloAnswer = z.infer<typeof helloAnswer>;
export type Report = z.infer<typeof report>;
export type StepFinished = Extract<Report, { kind: 'stepFinished' }>;
export type InstanceObservation = z.infer<typeof observation>;
export type Exchange = z.infer<typeof exchange>;
export type ExchangeAnswer = z.infer<typeof exchangeAnswer>;
export type Grant = z.infer<typeof grant>;
export type Order = z.infer<typeof order>;
export type LogAppend = z.infer<typeof logAppend>;
export type ReportResult = ExchangeAnswer['results'][number];

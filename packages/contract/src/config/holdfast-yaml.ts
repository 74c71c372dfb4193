import { z } from 'zod';
import { duration, percentagePoints, share } from './quantities.ts';

/**
 * holdfast.yaml, declared once: the validator, the JSON Schema for editors and the reference page
 * come from here.
 */
const secretText = z.string().describe('Text; ${{ secrets.NAME }} is filled in when an instance starts.');

/** A key of the full product that this version does not run yet: refused, never ignored. */
const notYet = (what: string) =>
  z.undefined({ error: `${what} are not supported by this version of Holdfast; remove this key` }).optional();

const probe = z.strictObject({
  path: z.string().startsWith('/').describe('Requested on the instance.'),
  expect: z
    .strictObject({
      status: z.int().min(100).max(599).default(200),
      json: z.record(z.string(), z.json()).optional().describe('Members that the JSON answer must have.'),
    })
    .prefault({}),
});

const readiness = z.strictObject({
  path: z.string().startsWith('/').default('/readyz').describe('Asked until it answers 2xx.'),
  successes: z.int().min(1).max(100).default(2).describe('Consecutive good answers before traffic.'),
  interval: duration.prefault('1s').describe('Between two questions.'),
  timeout: duration.prefault('1s').describe('Longest wait for an answer.'),
  latency: duration.prefault('500ms').describe('A slower answer is not a good one.'),
  deadline: duration.prefault('60s').describe('From start to ready.'),
  probes: z.array(probe).default([]).describe('Business-level checks, repeated while the instance serves.'),
});

const step = z.union([
  share.transform((weight) => ({ weight, dwell: undefined as number | undefined })),
  z.strictObject({ weight: share, dwell: duration.optional() }),
]);

const analysis = z.strictObject({
  dwell: duration.prefault('5m').describe('A step lasts at least this long.'),
  deadline: duration.prefault('15m').describe('By then the step is decided.'),
  warmup: duration
    .prefault('10s')
    .describe('Not judged after the candidate first gets traffic, on all arms.'),
  errorRate: z
    .strictObject({ increase: percentagePoints.prefault('0.2pp') })
    .prefault({})
    .describe('The candidate may fail this much more often than stable.'),
  latency: z
    .strictObject({ p95: z.strictObject({ increase: duration.prefault('50ms') }).prefault({}) })
    .prefault({})
    .describe("The candidate's p95 may be this much above the baseline's."),
  whenUndecided: z.enum(['advance', 'hold', 'abort']).default('advance'),
  minimumRequests: z.int().min(1).default(100).describe('Fewer on the candidate: insufficientData.'),
  whenInsufficient: z.enum(['probe', 'hold', 'abort']).default('probe'),
  metrics: notYet('metrics of other providers'),
});

const strategy = z.strictObject({
  kind: z
    .enum(['canary'], { error: 'expected canary; rolling and blueGreen are not supported by this version' })
    .default('canary'),
  steps: z.array(step).min(1).prefault(['5%', '25%', '50%']).describe("The candidate's share, step by step."),
  baseline: z.enum(['fresh', 'stable']).default('fresh'),
  analysis: analysis.prefault({}),
  soak: duration.prefault('5s').describe('After the switch, before the rollout is done.'),
  capacity: notYet('capacity rules'),
});

const target = z.strictObject({
  kind: z
    .enum(['process'], {
      error: 'expected process; container and kubernetes are not supported by this version',
    })
    .default('process'),
  command: z
    .array(z.string().min(1))
    .min(1)
    .describe('Run in the unpacked artifact; PORT says where to listen.'),
  replicas: z.int().min(1).max(100).default(2),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable'),
      secretText,
    )
    .default({}),
  hosts: z
    .strictObject({ labels: z.array(z.string()).default([]), spread: z.enum(['zone']).default('zone') })
    .prefault({})
    .describe('Agents in the host role that have all these labels.'),
});

const traffic = z.strictObject({
  listen: z.int().min(1).max(65_535).optional().describe('Port of the router that holdfast up starts.'),
  router: z
    .enum(['embedded'], { error: 'expected embedded; haproxy and gateway are not supported by this version' })
    .default('embedded'),
  sticky: z
    .union([z.enum(['none', 'cookie']), z.string().regex(/^header:[A-Za-z0-9-]+$/)], {
      error: 'expected none, cookie or header:NAME',
    })
    .default('none'),
});

export const environment = z.strictObject({
  target,
  readiness: readiness.prefault({}),
  drain: z.strictObject({ deadline: duration.prefault('30s'), grace: duration.prefault('10s') }).prefault({}),
  traffic: traffic.prefault({}),
  strategy: strategy.prefault({}),
  rollback: z.strictObject({ keep: z.int().min(1).max(20).default(3) }).prefault({}),
  approvals: notYet('approvals'),
  windows: notYet('windows'),
  migrations: notYet('schema changes'),
  slos: notYet('SLOs'),
  alerts: notYet('alert rules'),
  drills: notYet('drills'),
});

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected lower-case letters, digits and dashes');

const app = z.strictObject({ app: name, environments: z.record(name, environment) });

/** One app's part of the file, the single-app form first. */
export const singleApp = app.extend({ version: z.literal(1) });
export const severalApps = z.strictObject({ version: z.literal(1), apps: z.array(app).min(1) });

export type EnvironmentConfig = z.output<typeof environment>;
export type AppConfig = z.output<typeof app>;

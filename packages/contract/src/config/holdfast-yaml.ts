import { batchOf } from '@holdfast/core/rollout/strategies/rolling.ts';
import { z } from 'zod';
import { migrations } from './migrations-yaml.ts';
import { duration } from './quantities.ts';
import { rollingOf, strategy } from './strategy-yaml.ts';
import { window } from './window.ts';

/**
 * holdfast.yaml, declared once: the validator, the JSON Schema for editors and the reference page
 * come from here.
 */
const secretText = z.string().describe('Text; ${{ secrets.NAME }} is filled in when an instance starts.');

/** A key of the full product that this version does not run yet: refused, never ignored. */
const notYet = (what: string) =>
  z.undefined({ error: `${what} are not supported by this version of Holdfast; remove this key` }).optional();

const expected = z
  .strictObject({
    status: z.int().min(100).max(599).default(200).describe('Any other is a failure.'),
    json: z.record(z.string(), z.json()).optional().describe('Members that the JSON answer must have.'),
  })
  .prefault({});

const probe = z.strictObject({
  path: z.string().startsWith('/').describe('Requested on the instance.'),
  expect: expected,
});

const session = z.strictObject({
  login: z
    .strictObject({
      path: z.string().startsWith('/').describe('Asked of an instance of the stable release.'),
      method: z.enum(['GET', 'POST', 'PUT']).default('POST').describe('With the body, but for GET.'),
      headers: z.record(z.string(), z.string()).default({}).describe('Such as Content-Type.'),
      body: secretText.default('').describe('Text; ${{ secrets.NAME }} is filled in, of a test user.'),
      status: z
        .int()
        .min(100)
        .max(599)
        .default(200)
        .describe(
          'Any other: the login has failed, and after three tries nothing is checked, which is said.',
        ),
    })
    .describe('Asked of an instance of the stable release; its cookies are the session.'),
  next: z
    .strictObject({
      path: z.string().startsWith('/').describe("Asked of the new instance with the login's cookies."),
      expect: expected,
    })
    .describe('Asked of the new instance with these cookies, before it gets traffic.'),
});

const readiness = z.strictObject({
  path: z.string().startsWith('/').default('/readyz').describe('Asked until it answers 2xx.'),
  successes: z.int().min(1).max(100).default(2).describe('Consecutive good answers before traffic.'),
  interval: duration.prefault('1s').describe('Between two questions.'),
  timeout: duration.prefault('1s').describe('Longest wait for an answer.'),
  latency: duration.prefault('500ms').describe('A slower answer is not a good one.'),
  deadline: duration.prefault('60s').describe('From start to ready.'),
  probes: z.array(probe).default([]).describe('Business-level checks, repeated while the instance serves.'),
  session: session
    .optional()
    .describe(
      'A session that begins on the stable release must go on here, or users are logged out by the rollout.',
    ),
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
  replicas: z.int().min(1).max(100).default(2).describe('Instances of a release that serves everything.'),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable'),
      secretText,
    )
    .default({})
    .describe(
      'Beside PORT and the HOLDFAST_ names; ${{ secrets.NAME }} is filled in when an instance starts.',
    ),
  hosts: z
    .strictObject({
      labels: z.array(z.string()).default([]).describe('Only agents in the host role with all of them.'),
      spread: z.enum(['zone']).default('zone').describe('Instances of a release are spread over zones.'),
    })
    .prefault({})
    .describe('Agents in the host role that have all these labels.'),
});

const traffic = z.strictObject({
  listen: z.int().min(1).max(65_535).optional().describe('Port of the router that holdfast up starts.'),
  router: z
    .enum(['embedded'], { error: 'expected embedded; haproxy and gateway are not supported by this version' })
    .default('embedded')
    .describe('Who routes.'),
  sticky: z
    .union([z.enum(['none', 'cookie']), z.string().regex(/^header:[A-Za-z0-9-]+$/)], {
      error: 'expected none, cookie or header:NAME',
    })
    .default('none')
    .describe(
      'What tells users apart, so that each stays on one release while a rollout goes on: none: each request is drawn by itself. cookie: one of ours. header:NAME: whatever your app sends there.',
    ),
});

const rollback = z.strictObject({
  automatic: z
    .boolean()
    .default(true)
    .describe('false: a candidate that does harm is held for a person instead of being aborted.'),
  keep: z.int().min(1).max(20).default(3).describe('Earlier releases that can be returned to.'),
  window: duration
    .prefault('24h')
    .describe('So long after it served, a release is returned to without analysis; later with it.'),
  hot: z
    .boolean()
    .optional()
    .describe(
      'The last release keeps running, so that the way back takes a second. Default: true, but false for rolling.',
    ),
});

const approvals = z.strictObject({
  count: z
    .int()
    .min(1)
    .max(10)
    .describe(
      'Approvals that exactly this artifact, configuration and secrets need before it starts, by tokens other than the one that asked.',
    ),
  from: z
    .array(z.string().min(1))
    .default([])
    .describe('Names of tokens that may; anybody who may write without it.'),
});

const windows = z.strictObject({
  allow: z
    .array(window)
    .min(1)
    .describe('When a rollout may start, such as Mon-Fri 08:00-17:00 Europe/Madrid. Rollbacks always may.'),
});

export const environment = z
  .strictObject({
    target,
    readiness: readiness.prefault({}),
    drain: z
      .strictObject({
        deadline: duration
          .prefault('30s')
          .describe('What is in flight then is cut off and told of with its number; SIGTERM follows.'),
        grace: duration.prefault('10s').describe('From SIGTERM to SIGKILL.'),
      })
      .prefault({}),
    traffic: traffic.prefault({}),
    strategy: strategy.prefault({}),
    rollback: rollback.prefault({}),
    approvals: approvals.optional(),
    windows: windows.optional(),
    migrations: migrations.optional(),
    slos: notYet('SLOs'),
    alerts: notYet('alert rules'),
    drills: notYet('drills'),
  })
  .superRefine(({ strategy, target }, context) => {
    if (strategy.kind !== 'rolling' || batchOf(rollingOf(strategy, target.replicas), target.replicas) > 0)
      return;
    context.addIssue({
      code: 'custom',
      path: ['strategy'],
      message: 'surge and minAvailable leave no instance to replace; raise surge or lower minAvailable',
    });
  });

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected lower-case letters, digits and dashes');

const app = z.strictObject({ app: name, environments: z.record(name, environment) });

/** One app's part of the file, the single-app form first. */
export const singleApp = app.extend({ version: z.literal(1) });
export const severalApps = z.strictObject({ version: z.literal(1), apps: z.array(app).min(1) });

export type EnvironmentConfig = z.output<typeof environment>;
export type AppConfig = z.output<typeof app>;

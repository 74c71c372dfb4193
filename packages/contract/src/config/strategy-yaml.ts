import type { Rolling } from '@holdfast/core/rollout/strategies/rolling.ts';
import { WHOLE } from '@holdfast/core/traffic/traffic.ts';
import { z } from 'zod';
import { type Amount, amount, duration, percentagePoints, share } from './quantities.ts';

/**
 * `strategy` in holdfast.yaml: one section with the keys of all three kinds, each with the kind it
 * belongs to; read into the union of the three, with the defaults of its kind.
 */
const route = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'expected the name of a header or cookie')
    .describe('Of the header or cookie.'),
  value: z.string().min(1).describe('Exactly this one.'),
});

const stepObject = z.strictObject({
  weight: share.describe("The candidate's share; 0% with a route or a mirror."),
  dwell: duration.optional().describe('Instead of analysis.dwell.'),
  replicas: z
    .int()
    .min(1)
    .max(100)
    .optional()
    .describe('Instances of the candidate; its part of the fleet without it.'),
  header: route.optional().describe('Requests with this header go to the candidate.'),
  cookie: route.optional().describe('Requests with this cookie go to the candidate.'),
  mirror: z
    .union([z.boolean(), share])
    .optional()
    .describe(
      "Copies of stable's GET and HEAD requests also go to the candidate, whose answers are thrown away; true: as many as the weight.",
    ),
  gate: z
    .enum(['manual', 'automatic'])
    .optional()
    .describe('manual: a person advances before the traffic moves.'),
});
type StepObject = z.output<typeof stepObject>;

const step = z.union([share.transform((weight): StepObject => ({ weight })), stepObject]);

const plain = z.strictObject({
  for: duration.prefault('5m').describe('The threshold is passed at every look for so long.'),
});

const metric = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][A-Za-z0-9-]{0,39}$/, 'expected a short name that begins with a small letter')
      .describe('As verdicts and pages call it.'),
    provider: z.enum(['prometheus', 'json']).describe('Who is asked. json: any address that answers JSON.'),
    url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe(
        'prometheus: its address, by default the first that the controllers may ask; json: what is asked, with {{release}} or {{releaseNumber}} in it.',
      ),
    query: z
      .string()
      .min(1)
      .describe('prometheus: PromQL with one value; json: the path to the number, such as data.rate.'),
    token: z.string().optional().describe('Sent as a bearer token; ${{ secrets.NAME }} is filled in.'),
    direction: z.enum(['increase', 'decrease', 'either']).describe('The direction that does harm.'),
    margin: share.describe("As a share of the baseline's value."),
    interval: duration.prefault('30s').describe('Between two samples.'),
  })
  .refine(
    ({ provider, url }) =>
      provider === 'prometheus' || /(\{\{|%7B%7B)release(Number)?(\}\}|%7D%7D)/.test(url ?? ''),
    {
      error: 'a json metric has no past to compare with: its url needs {{release}} or {{releaseNumber}}',
      path: ['url'],
    },
  );

const analysis = z.strictObject({
  dwell: duration
    .optional()
    .describe('A step lasts at least this long. Default: 5m (canary), 30s (rolling), 2m (blueGreen).'),
  deadline: duration
    .optional()
    .describe('By then the step is decided. Default: 15m (canary), 2m (rolling), 5m (blueGreen).'),
  warmup: duration
    .prefault('10s')
    .describe('Not judged after instances of the candidate get their first traffic, on all arms.'),
  errorRate: z
    .strictObject({
      increase: percentagePoints
        .prefault('0.2pp')
        .describe('The candidate may fail this much more often than stable.'),
    })
    .prefault({})
    .describe('The candidate may fail this much more often than stable.'),
  latency: z
    .strictObject({
      p95: z
        .strictObject({
          increase: duration
            .prefault('50ms')
            .describe("The candidate's p95 may be this much above the baseline's."),
        })
        .prefault({}),
    })
    .prefault({})
    .describe("The candidate's p95 may be this much above the baseline's."),
  plain: plain
    .optional()
    .describe(
      'A threshold passed for a while instead of the sequential test. Wrong more often, on noise above all.',
    ),
  whenUndecided: z
    .enum(['advance', 'hold', 'abort'])
    .default('advance')
    .describe('At the deadline neither harm nor its absence is certain.'),
  minimumRequests: z.int().min(1).default(100).describe('Fewer on the candidate: insufficientData.'),
  whenInsufficient: z
    .enum(['probe', 'hold', 'abort'])
    .default('probe')
    .describe(
      'At the deadline there were fewer requests than the minimum. probe: the readiness probes decide, and the step is marked.',
    ),
  metrics: z.array(metric).max(10).default([]).describe("Metrics of the user's own, beside errors and p95."),
});

const section = z.strictObject({
  kind: z.enum(['canary', 'rolling', 'blueGreen']).default('canary'),
  steps: z
    .array(step)
    .min(1)
    .optional()
    .describe("canary: the candidate's share, step by step. Default: 5%, 25%, 50%."),
  baseline: z
    .enum(['fresh', 'stable'])
    .optional()
    .describe(
      'canary: whom latencies are compared with: instances of stable started with the candidate, or all of stable. Default: fresh.',
    ),
  batch: amount.optional().describe('rolling: instances replaced at a time. Default: 25%.'),
  surge: amount.optional().describe('rolling: instances beyond the replicas while it goes on. Default: 25%.'),
  minAvailable: amount.optional().describe('rolling: instances that always serve. Default: 100%.'),
  preview: z
    .strictObject({
      listen: z
        .int()
        .min(1)
        .max(65_535)
        .describe('Port of the router where the candidate answers before the switch.'),
    })
    .optional()
    .describe('blueGreen: an address for looking at the candidate first.'),
  gate: z
    .enum(['manual', 'automatic'])
    .optional()
    .describe('blueGreen: manual: a person advances before the switch. Default: automatic.'),
  analysis: analysis.prefault({}),
  soak: duration.prefault('5s').describe('After the switch, before the rollout is done.'),
  capacity: z
    .strictObject({
      safeRps: z.number().positive().describe('Requests per second that one replica carries safely.'),
      zoneLoss: z.boolean().default(false).describe('Steps must also fit with the fullest zone lost.'),
    })
    .optional(),
});

type Section = z.output<typeof section>;
type Kind = Section['kind'];

const BELONGS: {
  readonly [key in 'steps' | 'baseline' | 'batch' | 'surge' | 'minAvailable' | 'preview' | 'gate']: Kind;
} = {
  steps: 'canary',
  baseline: 'canary',
  batch: 'rolling',
  surge: 'rolling',
  minAvailable: 'rolling',
  preview: 'blueGreen',
  gate: 'blueGreen',
};

const PACE = {
  canary: { dwell: 300_000, deadline: 900_000 },
  rolling: { dwell: 30_000, deadline: 120_000 },
  blueGreen: { dwell: 120_000, deadline: 300_000 },
} as const;

export const strategy = section
  .superRefine((given, context) => {
    if (given.kind === 'blueGreen' && given.analysis.plain)
      context.addIssue({
        code: 'custom',
        continue: false,
        path: ['analysis', 'plain'],
        message:
          'needs a stable release that serves at the same time, and after a switch none does; remove it',
      });
    for (const [key, kind] of Object.entries(BELONGS))
      if (given[key as keyof typeof BELONGS] !== undefined && given.kind !== kind)
        context.addIssue({
          code: 'custom',
          continue: false,
          path: [key],
          message: `belongs to kind: ${kind}, and this is ${given.kind}; remove it`,
        });
  })
  .transform((given) => {
    const { kind, soak, capacity } = given;
    const analysis = { ...PACE[kind], ...withoutUndefined(given.analysis) };
    const shared = { analysis, soak, capacity };
    if (kind === 'rolling') {
      const { batch = QUARTER, surge = QUARTER, minAvailable = ALL } = given;
      return { kind, batch, surge, minAvailable, ...shared };
    }
    if (kind === 'blueGreen')
      return { kind, gate: given.gate ?? ('automatic' as const), preview: given.preview, ...shared };
    return {
      kind,
      steps: (given.steps ?? STEPS).map(stepOf),
      baseline: given.baseline ?? ('fresh' as const),
      ...shared,
    };
  });

export type StrategyConfig = z.output<typeof strategy>;

const QUARTER: Amount = { share: 2_500 };
const ALL: Amount = { share: 10_000 };
const STEPS: readonly StepObject[] = [{ weight: 500 }, { weight: 2_500 }, { weight: 5_000 }];

function stepOf({ mirror, ...given }: StepObject) {
  return { ...given, mirror: mirror === true ? given.weight : mirror || 0 };
}

function withoutUndefined<Value extends object>(value: Value) {
  type Given = { [Key in keyof Value]: Key extends 'dwell' | 'deadline' ? number : Value[Key] };
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Given;
}

/** The section's amounts as instances of this many replicas. */
export function rollingOf(
  given: Extract<StrategyConfig, { readonly kind: 'rolling' }>,
  replicas: number,
): Rolling {
  const { analysis, batch, surge, minAvailable } = given;
  const count = (of: Amount) => ('count' in of ? of.count : Math.ceil((replicas * of.share) / WHOLE));
  return {
    batch: Math.max(1, count(batch)),
    surge: count(surge),
    minAvailable: Math.min(replicas, count(minAvailable)),
    dwellMs: analysis.dwell,
  };
}

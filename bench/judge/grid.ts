import { type Scenario, SHAPES, type Shape } from './scenario.ts';

/** A scenario and the steps of its rollout, in basis points. */
export interface Cell {
  readonly split: Split;
  readonly scenario: Scenario;
}

/** One to nine, one to one, and the default steps. */
export const SPLITS = { '1:9': [1_000], equal: [5_000], '5/25/50 %': [500, 2_500, 5_000] } as const;
export type Split = keyof typeof SPLITS;

export const BASE_ERRORS = [0.001, 0.005, 0.01, 0.02] as const;
export const REQUEST_RATES = [1, 10, 50, 500] as const;

const HEALTHY = { extraError: 0, extraMs: 0 };

export const HEALTHY_CELLS: readonly Cell[] = SHAPES.flatMap((shape) =>
  REQUEST_RATES.flatMap((requestsPerSecond) =>
    BASE_ERRORS.flatMap((baseError) =>
      (Object.keys(SPLITS) as Split[]).map((split) => ({
        split,
        scenario: { shape, requestsPerSecond, baseError, ...HEALTHY },
      })),
    ),
  ),
);

/** At 1:9, so that 50 requests/s are the 5/45 of the bound. */
export const BROKEN_CELLS: readonly Cell[] = [
  ...[0.005, 0.01, 0.05].flatMap((extraError) =>
    [50, 10, 500].flatMap((requestsPerSecond) =>
      BASE_ERRORS.map((baseError) => broken({ requestsPerSecond, baseError, extraError })),
    ),
  ),
  ...[50, 75, 100].flatMap((extraMs) =>
    [10, 50, 500].map((requestsPerSecond) => broken({ requestsPerSecond, extraMs })),
  ),
  ...(['waves', 'clustered'] as const).flatMap((shape) =>
    [0.01, 0.05].map((extraError) => broken({ shape, requestsPerSecond: 50, extraError })),
  ),
];

function broken(scenario: Partial<Scenario> & { readonly requestsPerSecond: number }): Cell {
  const usual = { shape: 'steady' as Shape, baseError: 0.005, ...HEALTHY };
  return { split: '1:9', scenario: { ...usual, ...scenario } };
}

export function describeCell({ split, scenario }: Cell): string {
  const { shape, requestsPerSecond, baseError, extraError, extraMs } = scenario;
  const worse = extraError > 0 ? ` +${extraError * 100} pp` : extraMs > 0 ? ` +${extraMs} ms` : '';
  return `${shape} ${requestsPerSecond}/s ${baseError * 100} %${worse} ${split}`;
}

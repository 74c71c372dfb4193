import {
  parseBytes,
  parseDurationMs,
  parsePercentagePoints,
  parseShare,
} from '@holdfast/core/kernel/quantity.ts';
import type { Result } from '@holdfast/core/kernel/result.ts';
import { z } from 'zod';

/** Text with a unit, read into its base unit: see core/kernel/quantity.ts. */
function quantity(parse: (text: string) => Result<number, string>, example: string) {
  return z
    .string({ error: `expected text with a unit, such as ${example}` })
    .transform((text, context): number => {
      const parsed = parse(text);
      if (parsed.ok) return parsed.value;
      context.addIssue({ code: 'custom', message: parsed.refusal });
      return z.NEVER;
    })
    .meta({ examples: [example] });
}

export const duration = quantity(parseDurationMs, '30s');
export const share = quantity(parseShare, '5%');
export const bytes = quantity(parseBytes, '64MiB');
export const percentagePoints = quantity(parsePercentagePoints, '0.2pp');

/** Instances: so many, or a share of the replicas. */
export const amount = z.union([
  z
    .int()
    .min(0)
    .max(1_000)
    .transform((count) => ({ count })),
  share.transform((of) => ({ share: of })),
]);
export type Amount = z.output<typeof amount>;

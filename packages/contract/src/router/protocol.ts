import { z } from 'zod';

/**
 * What each worker of a router and a controller say to each other. A worker acknowledges the
 * snapshot it routes by, says what is in flight, and hands over the counts of closed seconds.
 */
export const snapshot = z.object({
  environment: z.string(),
  generation: z.int(),
  revision: z.int(),
  sticky: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('none') }),
    z.object({ kind: z.literal('cookie') }),
    z.object({ kind: z.literal('header'), name: z.string() }),
  ]),
  drainDeadlineMs: z.int(),
  access: z
    .object({
      routes: z.array(z.object({ kind: z.enum(['header', 'cookie']), name: z.string(), value: z.string() })),
      mirror: z.int(),
      preview: z.int().nullable(),
    })
    .default({ routes: [], mirror: 0, preview: null }),
  groups: z.array(
    z.object({
      name: z.enum(['stable', 'baseline', 'candidate', 'previous']),
      release: z.string(),
      share: z.int(),
      upstreams: z.array(z.object({ id: z.uuid(), host: z.string(), port: z.int() })),
    }),
  ),
});

export const groupCounts = z.object({
  name: z.enum(['stable', 'baseline', 'candidate', 'previous']),
  release: z.string(),
  requests: z.int(),
  failed: z.int(),
  units: z.int(),
  failedUnits: z.int(),
  /** Buckets of the users for whom something failed; null: users are not sticky. */
  failedUsers: z.array(z.int()).nullable().default(null),
  /** Histogram buckets of core/analysis/histogram.ts: ms, γ = 1.02. */
  latency: z.record(z.string(), z.int()),
});

export const sync = z.object({
  protocol: z.object({ version: z.int(), min: z.int() }),
  routerId: z.uuid(),
  workerId: z.uuid(),
  /** APP/ENV */
  environment: z.string(),
  acknowledged: z.object({ generation: z.int(), revision: z.int() }),
  inFlight: z.record(z.string(), z.int()),
  intervals: z.array(z.object({ second: z.int(), groups: z.array(groupCounts) })),
  /** The answer may wait this long for a newer snapshot. */
  waitMs: z.int().min(0).max(20_000),
  bye: z.boolean().default(false),
  /** Workers of the same router that died without a word. */
  gone: z.array(z.uuid()).default([]),
});

export const syncAnswer = z.object({ snapshot: snapshot.nullable() });

export type Sync = z.infer<typeof sync>;
export type SyncAnswer = z.infer<typeof syncAnswer>;
export type GroupCounts = z.infer<typeof groupCounts>;

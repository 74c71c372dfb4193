import type { EnvironmentConfig } from '@holdfast/contract/config/holdfast-yaml.ts';
import { isOpen } from '@holdfast/contract/config/window.ts';
import { mergeHistograms, quantileMs } from '@holdfast/core/analysis/histogram.ts';
import type { Signal } from '@holdfast/core/migration/throttle.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import type { EnvironmentRow } from '@holdfast/postgres/rollout/environment-store.ts';
import { liveRollout } from '@holdfast/postgres/rollout/rollout-store.ts';
import { intervalsBetween } from '@holdfast/postgres/rollout/router-store.ts';
import { nameOf } from '../environments/gather.ts';

/** What the routers and the rollout say of the app while its database is worked on. */
const NOW_SECONDS = 15;
const BEFORE_SECONDS = 300;
const LEAST_REQUESTS = 100;
/** Below this a change of p95 is noise. */
const FLOOR_MS = 20;

export async function outsideSignals(
  sql: Queryable,
  environment: EnvironmentRow,
  { since, now }: { readonly since: number; readonly now: number },
): Promise<readonly Signal[]> {
  const rollout = (await liveRollout(sql, environment.id))?.data ?? null;
  const harm: Signal = { name: 'rolloutHarm', value: rollout?.judgement?.verdict === 'worse' ? 1 : 0 };
  const [begun, second] = [Math.floor(since / 1_000), Math.floor(now / 1_000)];
  const before = await p95Between(sql, environment, begun - BEFORE_SECONDS, begun);
  const after = await p95Between(sql, environment, second - NOW_SECONDS, second);
  if (before === null || after === null) return [harm];
  return [
    harm,
    { name: 'foregroundP95Ratio', value: Math.max(after, FLOOR_MS) / Math.max(before, FLOOR_MS) },
  ];
}

async function p95Between(
  sql: Queryable,
  environment: EnvironmentRow,
  from: number,
  to: number,
): Promise<number | null> {
  const counts = (await intervalsBetween(sql, nameOf(environment), from, to)).flatMap(
    (entry) => entry.counts,
  );
  const requests = counts.reduce((sum, entry) => sum + entry.requests, 0);
  if (requests < LEAST_REQUESTS) return null;
  return quantileMs(
    counts.reduce((all, entry) => mergeHistograms(all, entry.latency), {}),
    0.95,
  );
}

/** Nobody said when it may work: always. */
export function windowSignals(config: EnvironmentConfig, now: Date): readonly Signal[] {
  const windows = config.migrations?.throttle.windows ?? [];
  const open = windows.length === 0 || windows.some((window) => isOpen(window, now));
  return [{ name: 'outsideWindows', value: open ? 0 : 1 }];
}

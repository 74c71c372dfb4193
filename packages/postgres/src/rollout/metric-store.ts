import type { MetricSample } from '@holdfast/core/analysis/analysis.ts';
import type { Queryable } from '../database.ts';

/** Samples of users' metrics; the same moment is kept once. */
export interface TimedSample extends MetricSample {
  /** Unix time. */
  readonly second: number;
}

export async function keepSamples(
  sql: Queryable,
  rolloutId: string,
  samples: readonly TimedSample[],
): Promise<void> {
  if (samples.length === 0) return;
  await sql.query(
    `INSERT INTO metric_sample (rollout_id, metric, second, candidate, baseline, problem)
     SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::float8[], $5::float8[], $6::text[]) ON CONFLICT DO NOTHING`,
    [
      rolloutId,
      samples.map(({ metric }) => metric),
      samples.map(({ second }) => second),
      samples.map(({ candidate }) => candidate),
      samples.map(({ baseline }) => baseline),
      samples.map(({ problem }) => problem),
    ],
  );
}

/** In the transaction that adds them to the evidence: none is lost, none counts twice. */
export async function takeSamples(sql: Queryable, rolloutId: string): Promise<readonly MetricSample[]> {
  const taken = await sql.query<TimedSample>(
    'UPDATE metric_sample SET judged = true WHERE rollout_id = $1 AND NOT judged RETURNING metric, second, candidate, baseline, problem',
    [rolloutId],
  );
  return [...taken.rows].sort((a, b) => a.second - b.second);
}

/** Of these metrics something is known of the time before. */
export async function metricsWithPast(sql: Queryable, rolloutId: string): Promise<ReadonlySet<string>> {
  const found = await sql.query<{ metric: string }>(
    'SELECT DISTINCT metric FROM metric_sample WHERE rollout_id = $1 AND baseline IS NOT NULL',
    [rolloutId],
  );
  return new Set(found.rows.map(({ metric }) => metric));
}
